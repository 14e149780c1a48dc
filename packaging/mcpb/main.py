"""Start the server of the bundle; `uv` has installed the package."""

from mcp_context_persistence.cli.main import main

if __name__ == "__main__":
    main()
