"""Memory for AI assistants as one property graph in Neo4j."""
