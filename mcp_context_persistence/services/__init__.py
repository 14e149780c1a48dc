"""Use cases: each checks a request, runs it on the graph, and returns a response."""
