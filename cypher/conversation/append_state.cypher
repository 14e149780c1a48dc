// Read what an append needs of a conversation, whatever the number of its messages.
// Columns: revision (integer, 0 for a new conversation), conversation (map or null), total (number of
// stored messages), end (integer: the position of the next message), is_tree (whether it has branches),
// last_id (id of the last message, with branches that of the current one, or null), last_position (its position), known (list of maps: the stored messages with one of `ids`, also of other conversations;
// parent_id: id of the message before it or null),
// used_ids (those ids PREFIX + POSITION of the next `count` positions that are in use), patterns
// (version of the namespace's own patterns, 0 for none), now (milliseconds since 1970 by the server's
// clock). Always one row.
// Plan: one seek on the conversation, one seek on its last message and one seek per id. `last_id` is
// only a hint: if that message is gone, or another one follows it, the messages are read in order.
// With branches it is not: the current branch may be empty.
// The conversation is locked as in `conversation/state`, and the revision is read first.
:param batch => {namespace: "default", conversation_id: "conv-123", ids: ["m-1"], prefixes: ["conv-123:"], count: 1}
OPTIONAL MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
REMOVE c.lock
WITH c, coalesce(c.revision, 0) AS revision
OPTIONAL MATCH (p:EntityPatterns {namespace: $batch.namespace})
OPTIONAL MATCH (hinted:Message {namespace: $batch.namespace, id: c.last_id})
WHERE hinted.conversation_id = c.id
  AND (c.end IS NOT NULL OR NOT EXISTS { (hinted)-[:NEXT]->(:Message) })
CALL (c, hinted) {
  WITH c WHERE hinted IS NULL AND c.end IS NULL
  MATCH (c)-[:HAS_MESSAGE]->(m:Message)
  WITH m ORDER BY m.position DESC LIMIT 1
  RETURN collect(m) AS found
}
WITH c, revision, p, coalesce(hinted, found[0]) AS last
WITH c, revision, p, last, coalesce(c.end, last.position + 1, 0) AS end
CALL () {
  UNWIND $batch.ids AS id
  MATCH (m:Message {namespace: $batch.namespace, id: id})
  RETURN collect(m {.id, .conversation_id, .position, .content_hash, .role, .append_key,
    parent_id: head([(p:Message)-[:NEXT]->(m) | p.id])}) AS known
}
CALL (end) {
  UNWIND range(end, end + $batch.count - 1) AS position
  UNWIND [prefix IN $batch.prefixes | prefix + toString(position)] AS id
  MATCH (m:Message {namespace: $batch.namespace, id: id})
  RETURN collect(id) AS used_ids
}
RETURN revision,
  c {.project_path, .metadata, .mode, .created_ms} AS conversation,
  CASE WHEN c IS NULL THEN 0 ELSE COUNT { (c)-[:HAS_MESSAGE]->() } END AS total,
  end, c.end IS NOT NULL AS is_tree, last.id AS last_id, last.position AS last_position, known, used_ids, coalesce(p.version, 0) AS patterns,
  datetime.realtime().epochMillis AS now;
