"""Questions as statements, and their answers."""
