"""The public methods of the client in groups; `mcp_context_persistence.client` joins them."""
