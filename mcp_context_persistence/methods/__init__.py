"""The public calls of the client, in groups; `mcp_context_persistence.client` puts them together."""
