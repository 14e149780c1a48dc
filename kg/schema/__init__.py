"""Indexes, constraints and migrations of the database schema."""
