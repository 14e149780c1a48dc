// What does the store hold of this conversation already, so that unchanged messages cost nothing?
// Columns: revision (integer, 0 when the conversation is new), conversation (map or null), messages (list of maps: id, position, hash,
// content_hash, embedded, extracted, timestamp_ms, in order), foreign (those of `ids` that belong to another conversation). Always one row.
// Plan: one seek on the conversation, one expand over its messages, one seek per given id.
:param namespace => "default"
:param conversation_id => "conv-123"
:param ids => ["conv-123:0"]
OPTIONAL MATCH (c:Conversation {namespace: $namespace, id: $conversation_id})
CALL (c) {
  OPTIONAL MATCH (c)-[:HAS_MESSAGE]->(m:Message)
  WITH m ORDER BY m.position
  RETURN collect(m {.id, .position, .hash, .content_hash, .embedded, .extracted, .timestamp_ms}) AS messages
}
CALL () {
  UNWIND $ids AS id
  MATCH (m:Message {namespace: $namespace, id: id})
  WHERE m.conversation_id <> $conversation_id
  RETURN collect(id) AS foreign
}
RETURN coalesce(c.revision, 0) AS revision, c {.project_path, .metadata, .mode, .created_ms} AS conversation, messages, foreign;
