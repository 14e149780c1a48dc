"""Dates and periods in texts and queries."""
