// Lock a conversation, and list what belongs to it.
// Columns: messages (list of maps id, bytes; the last message first), decision_ids (list of
// strings), is_marked (boolean: its deletion was begun). No row: the conversation does not exist.
:param batch => {namespace: "default", id: "conv-123"}
MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.id})
SET c.updated_ms = c.updated_ms
WITH c
CALL (c) {
  OPTIONAL MATCH (c)-[:HAS_MESSAGE]->(m:Message)
  WITH m ORDER BY m.position DESC
  RETURN collect(m {.id, bytes: coalesce(m.bytes, 0) + size(coalesce(m.metadata, ''))}) AS messages
}
RETURN messages, COLLECT { MATCH (c)-[:HAS_DECISION]->(d:Decision) RETURN d.id } AS decision_ids,
  c.revision IS NULL AS is_marked;
