"""Turn texts into passages, vectors, entities and relations, as rows for the graph."""
