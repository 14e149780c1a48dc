// Read a page of the messages of a conversation with all branches, in the order of their positions.
// Columns: item (map), mentions (list of maps), position (integer).
// Only the first message of a page may have more than `max_bytes` with those before it. A message
// that begins a branch has the id of the conversation as its parent, except the first one.
// Plan: one seek and one expand; the first rows by position are kept.
:param batch => {namespace: "default", conversation_id: "conv-123", after_position: -1, limit: 100, max_bytes: 4000000}
MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
MATCH (c)-[:HAS_MESSAGE]->(m:Message)
WHERE m.position > $batch.after_position
WITH c, m ORDER BY m.position
LIMIT $batch.limit
WITH c, collect(m) AS page, collect(coalesce(m.bytes, 0)) AS sizes
UNWIND range(0, size(page) - 1) AS index
WITH c, page[index] AS m, index, reduce(sum = 0, size IN sizes[..index + 1] | sum + size) AS bytes
WHERE index = 0 OR bytes <= $batch.max_bytes
RETURN m {.id, .role, .name, .content, .metadata, .data, .timestamp_ms, .unasserted,
    parent_id: CASE WHEN c.end IS NOT NULL THEN
      coalesce(head([(parent:Message)-[:NEXT]->(m) | parent.id]),
        CASE WHEN m.position > 0 THEN c.id END) END} AS item,
  COLLECT {
    MATCH (m)-[r:MENTIONS]->(e:Entity)
    RETURN r {.start, .end, .count, .confidence, .extractor, entity_id: e.id} ORDER BY e.id
  } AS mentions,
  m.position AS position
ORDER BY position;
