// Load messages of a conversation with branches: of the branch through the message `leaf_id`, else of
// the current branch, or with `all_branches` of all of them.
// Columns: messages (list of maps in order, at most `max_bytes` as in `conversation/load`), found (number
// of messages before they were cut to `max_bytes`), leaf_id (the last message of the loaded branch, or with
// `all_branches` of the current one). No row: the conversation does not exist.
// The range is that of `conversation/load`. A message that begins the conversation has the id of the
// conversation as its parent, except the first one.
// Plan: the branch is walked from its message to the beginning and to the end; at each message one of
// those that follow is no alternative.
:param batch => {namespace: "default", conversation_id: "conv-123", limit: 50, max_bytes: 33554432, forward: false, before_position: null, before_ms: null, after_position: null, after_ms: null, leaf_id: null, all_branches: false}
MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
OPTIONAL MATCH (l:Message {namespace: $batch.namespace, id: $batch.leaf_id, conversation_id: c.id})
CALL (c, l) {
  CALL (c, l) {
    WITH c WHERE $batch.all_branches
    MATCH (c)-[:HAS_MESSAGE]->(m:Message)
    RETURN m
    UNION
    WITH c, l WHERE NOT $batch.all_branches
    MATCH (m:Message)-[:NEXT*0..]->(:Message {namespace: $batch.namespace, id: coalesce(l.id, c.last_id)})
    RETURN DISTINCT m
    UNION
    WITH c, l WHERE NOT $batch.all_branches
    MATCH (:Message {namespace: $batch.namespace, id: coalesce(l.id, c.last_id)})
      (()-[:NEXT]->(x:Message WHERE x.alternative IS NULL))+ (m:Message)
    RETURN m
  }
  WITH m ORDER BY m.position
  RETURN collect(m) AS branch
}
CALL (c, branch) {
  UNWIND branch AS m
  WITH c, m
  WHERE m.position < coalesce($batch.before_position, m.position + 1)
    AND m.position > coalesce($batch.after_position, m.position - 1)
    AND m.timestamp_ms < coalesce($batch.before_ms, m.timestamp_ms + 1)
    AND m.timestamp_ms > coalesce($batch.after_ms, m.timestamp_ms - 1)
  WITH c, m ORDER BY CASE WHEN $batch.forward THEN m.position ELSE -m.position END
  LIMIT $batch.limit
  WITH c, collect(m) AS page, collect(coalesce(m.bytes, 0) + size(coalesce(m.metadata, ""))) AS sizes
  WITH c, page, reduce(s = {size: 0, kept: 0}, size IN sizes |
    CASE WHEN s.kept = 0 OR s.size + size <= $batch.max_bytes
      THEN {size: s.size + size, kept: s.kept + 1}
      ELSE {size: $batch.max_bytes + 1, kept: s.kept} END).kept AS kept
  UNWIND page[..kept] AS m
  WITH c, m, size(page) AS found ORDER BY m.position
  RETURN max(found) AS found, collect(m {.id, .role, .name, .content, .metadata, .data, .timestamp_ms, .position,
    parent_id: coalesce(head([(parent:Message)-[:NEXT]->(m) | parent.id]),
      CASE WHEN m.position > 0 THEN c.id END)}) AS messages
}
RETURN messages, found, CASE WHEN $batch.all_branches THEN c.last_id ELSE branch[-1].id END AS leaf_id;
