"""Response models, one file per noun. `mcp_context_persistence.models` re-exports all of them."""
