"""The MCP server: tools, resources and prompts over `ContextPersistenceClient`.

Its modules import the client only when it is needed, because assistants wait for the tools.
"""
