"""Hybrid search: filters, retrieval, score fusion, ranking and reranking."""
