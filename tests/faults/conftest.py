"""Fault tests: each starts, cuts and kills servers of its own, so that no other test is disturbed."""
