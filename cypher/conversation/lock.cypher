// Lock a conversation against other writers until the transaction ends.
// Columns: revision (integer). No row: the conversation does not exist.
:param namespace => "default"
:param conversation_id => "conv-123"
MATCH (c:Conversation {namespace: $namespace, id: $conversation_id})
SET c.updated_ms = c.updated_ms
RETURN c.revision AS revision;
