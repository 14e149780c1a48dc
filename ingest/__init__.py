"""Text goes in, rows come out: passages, vectors, entities, relations."""
