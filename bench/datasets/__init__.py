"""Readers of the development data sets."""
