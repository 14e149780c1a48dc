"""The graph: models, errors, limits, statements, the database driver and the managed server."""
