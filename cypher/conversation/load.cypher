// Load the last messages of a conversation, in order.
// Columns: conversation (map), total (number of stored messages), messages (list of maps, oldest
// first). No row: the conversation does not exist.
// Plan: one seek and one expand; the last rows by position are kept, then put in order.
:param namespace => "default"
:param conversation_id => "conv-123"
:param limit => 50
MATCH (c:Conversation {namespace: $namespace, id: $conversation_id})
CALL (c) {
  OPTIONAL MATCH (c)-[:HAS_MESSAGE]->(m:Message)
  WITH m ORDER BY m.position DESC LIMIT $limit
  WITH m ORDER BY m.position
  RETURN collect(m {.id, .role, .name, .content, .metadata, .timestamp_ms, .position}) AS messages
}
RETURN c {.id, .project_path, .mode, .metadata, .created_ms, .updated_ms} AS conversation,
  COUNT { (c)-[:HAS_MESSAGE]->() } AS total, messages;
