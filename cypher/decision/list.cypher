// List the decisions of a conversation, whatever their status.
// Columns: id (string), status ('accepted', 'proposed' or 'rejected'), created_ms (integer),
// context (string), evidence (list of message ids).
// Plan: from the conversation's key along its relationships.
:param namespace => "default"
:param conversation_id => "conv-123"
MATCH (:Conversation {namespace: $namespace, id: $conversation_id})-[:HAS_DECISION]->(d:Decision)
RETURN d.id AS id, coalesce(d.status, 'accepted') AS status, d.created_ms AS created_ms,
  d.context AS context,
  COLLECT { MATCH (d)-[:EVIDENCED_BY]->(m:Message) RETURN m.id } AS evidence;
