"""Dates and periods in queries."""
