// Read the stored state of a conversation, so that unchanged messages need not be written.
// Columns: revision (integer, 0 for a new conversation), conversation (map or null), messages (list
// of maps in order: id, position, role, hash, content_hash, embedded, extracted, timestamp_ms,
// given_vector, parent_id), ids_used_elsewhere (those of `ids` that belong to another conversation), patterns
// (version of the namespace's own patterns, 0 for none), end and leaf_id (the position of the next
// message and the last message of the current branch, null without branches), has_decisions
// (boolean), now (milliseconds since 1970 by the server's clock). Always one row.
// Plan: one seek on the conversation, one expand over its messages, one seek per id. Removing a
// property that the node never has takes its lock and writes nothing: while another save is being
// committed, its revision may be visible before its messages. The revision is read first. Parents
// are read only where there are branches.
:param batch => {namespace: "default", conversation_id: "conv-123", ids: ["conv-123:0"]}
OPTIONAL MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
REMOVE c.lock
WITH c, coalesce(c.revision, 0) AS revision
OPTIONAL MATCH (p:EntityPatterns {namespace: $batch.namespace})
CALL (c) {
  OPTIONAL MATCH (c)-[:HAS_MESSAGE]->(m:Message)
  WITH m ORDER BY m.position
  RETURN collect(m {.id, .position, .role, .hash, .content_hash, .embedded, .extracted, .timestamp_ms,
    .given_vector, parent_id: CASE WHEN c.end IS NOT NULL
      THEN head([(parent:Message)-[:NEXT]->(m) | parent.id]) END}) AS messages
}
CALL () {
  UNWIND $batch.ids AS id
  MATCH (m:Message {namespace: $batch.namespace, id: id})
  WHERE m.conversation_id <> $batch.conversation_id
  RETURN collect(id) AS ids_used_elsewhere
}
RETURN revision,
  c {.project_path, .metadata, .mode, .created_ms} AS conversation, messages, ids_used_elsewhere,
  coalesce(p.version, 0) AS patterns, c.end AS end,
  CASE WHEN c.end IS NOT NULL THEN c.last_id END AS leaf_id,
  EXISTS { (c)-[:HAS_DECISION]->() } AS has_decisions, datetime.realtime().epochMillis AS now;
