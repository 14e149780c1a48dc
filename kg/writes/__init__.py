"""Statements that write conversations, documents, decisions and entities."""
