// Read a message with its conversation.
// Columns: message (map), conversation_id, mode (strings), entity_ids (list of strings). No row: the
// message does not exist.
// Plan: one seek. The parent is read only where there are branches. A conversation without a revision is being deleted.
:param batch => {namespace: "default", id: "conv-123:0"}
MATCH (m:Message {namespace: $batch.namespace, id: $batch.id})<-[:HAS_MESSAGE]-(c:Conversation)
WHERE c.revision IS NOT NULL
RETURN m {.id, .role, .name, .content, .metadata, .data, .timestamp_ms, .position, .created_ms, .updated_ms,
    parent_id: CASE WHEN c.end IS NOT NULL THEN coalesce(head([(parent:Message)-[:NEXT]->(m) | parent.id]),
      CASE WHEN m.position > 0 THEN c.id END) END} AS message,
  c.id AS conversation_id, c.mode AS mode, c.project_path AS project_path,
  COLLECT { MATCH (m)-[:MENTIONS]->(e:Entity) RETURN e.id ORDER BY e.id } AS entity_ids;
