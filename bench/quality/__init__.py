"""Benchmarks of retrieval, extraction and entity resolution."""
