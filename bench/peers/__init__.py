"""What other libraries find of the same conversations, on the same Neo4j, with the same vectors."""
