"""Build a prompt context from search results within a token budget."""
