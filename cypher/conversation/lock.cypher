// Keep other writers from a conversation for the rest of the transaction.
// Columns: revision (integer). No row: there is no such conversation.
:param namespace => "default"
:param conversation_id => "conv-123"
MATCH (c:Conversation {namespace: $namespace, id: $conversation_id})
SET c.updated_ms = c.updated_ms
RETURN c.revision AS revision;
