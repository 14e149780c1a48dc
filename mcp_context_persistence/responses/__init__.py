"""Response models, one file per subject; `mcp_context_persistence.models` re-exports all."""
