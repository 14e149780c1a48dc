"""Merge entities into one, and undo it."""
