"""The graph: models, errors, statements, the door to the database, and the managed local server."""
