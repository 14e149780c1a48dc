"""The routes, one file per noun; each route is one call of the client."""
