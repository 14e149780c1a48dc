"""The running service, for REST and MCP alike: settings, keys, clients, and the lease."""
