// Load messages of a conversation: the last ones of a range, or with `forward` the first ones.
// Columns: conversation (map), total (number of stored messages), messages (list of maps in order; the
// first one that was kept, and further ones while they have at most `max_bytes` together), found
// (number of messages before they were cut to `max_bytes`; null for none),
// before_position, after_position, leaf_position (integers: where the messages `before_id`, `after_id`
// and `leaf_id` are, null where the conversation has no such message), is_tree (whether the
// conversation has branches). No row: the conversation does not exist.
// A bound is a position or a message; `before_ms` and `after_ms` hold where that message is missing.
// A conversation without a revision is being deleted. One with branches is loaded by
// `conversation/load_branches`; here it has no messages.
// Plan: one seek and one expand; the rows at one end by position are kept, then put in order.
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", conversation_id: "conv-123", limit: 50, max_bytes: 33554432, forward: false, before_id: null, before_position: null, before_ms: null, after_id: null, after_position: null, after_ms: null, leaf_id: null, all_branches: false}
MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
WHERE c.revision IS NOT NULL
OPTIONAL MATCH (b:Message {namespace: $batch.namespace, id: $batch.before_id, conversation_id: c.id})
OPTIONAL MATCH (a:Message {namespace: $batch.namespace, id: $batch.after_id, conversation_id: c.id})
OPTIONAL MATCH (l:Message {namespace: $batch.namespace, id: $batch.leaf_id, conversation_id: c.id})
CALL (c, a, b) {
  WITH c, a, b WHERE c.end IS NULL
  MATCH (c)-[:HAS_MESSAGE]->(m:Message)
  WHERE m.position < coalesce(b.position, $batch.before_position, m.position + 1)
    AND m.position > coalesce(a.position, $batch.after_position, m.position - 1)
    AND (b IS NOT NULL OR m.timestamp_ms < coalesce($batch.before_ms, m.timestamp_ms + 1))
    AND (a IS NOT NULL OR m.timestamp_ms > coalesce($batch.after_ms, m.timestamp_ms - 1))
  WITH m ORDER BY CASE WHEN $batch.forward THEN m.position ELSE -m.position END
  LIMIT $batch.limit
  WITH collect(m) AS page, collect(coalesce(m.bytes, 0) + size(coalesce(m.metadata, ""))) AS sizes
  WITH page, reduce(s = {size: 0, kept: 0}, size IN sizes |
    CASE WHEN s.kept = 0 OR s.size + size <= $batch.max_bytes
      THEN {size: s.size + size, kept: s.kept + 1}
      ELSE {size: $batch.max_bytes + 1, kept: s.kept} END).kept AS kept
  UNWIND page[..kept] AS m
  WITH m, size(page) AS found ORDER BY m.position
  RETURN max(found) AS found, collect(m {.id, .role, .name, .content, .metadata, .data, .timestamp_ms, .position}) AS messages
}
RETURN c {.id, .project_path, .mode, .metadata, .created_ms, .updated_ms} AS conversation,
  COUNT { (c)-[:HAS_MESSAGE]->() } AS total, messages, found,
  b.position AS before_position, a.position AS after_position, l.position AS leaf_position,
  c.end IS NOT NULL AS is_tree;
