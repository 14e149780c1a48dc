// Which decisions does a conversation have already, whatever became of them?
// Columns: id (string), status ('accepted', 'proposed' or 'rejected'), created_ms (integer).
// Plan: from the conversation's key along its own relationships.
:param namespace => "default"
:param conversation_id => "conv-123"
MATCH (:Conversation {namespace: $namespace, id: $conversation_id})-[:HAS_DECISION]->(d:Decision)
RETURN d.id AS id, coalesce(d.status, 'accepted') AS status, d.created_ms AS created_ms;
