// Read a page of a conversation's extracted messages, by position, with their present mentions.
// Columns: id, position (integer), content, mentions (list of maps: id, start, end, count,
// confidence, extractor), unasserted (list of JSON or null), role, name (of the author, or null).
// Plan: no hash is read, because it may be that of a new text while `content` is still the old one.
:param namespace => "default"
:param conversation_id => "conv-123"
:param after => -1
:param limit => 100
MATCH (:Conversation {namespace: $namespace, id: $conversation_id})-[:HAS_MESSAGE]->(m:Message)
WHERE m.position > $after
WITH m ORDER BY m.position LIMIT $limit
CALL (m) {
  WITH m WHERE m.extracted
  MATCH (m)-[r:MENTIONS]->(e:Entity)
  RETURN collect({id: e.id, start: r.start, end: r.end, count: r.count, confidence: r.confidence,
    extractor: r.extractor}) AS mentions
}
RETURN m.id AS id, m.position AS position, CASE WHEN m.extracted THEN m.content END AS content,
  mentions, m.unasserted AS unasserted, m.role AS role, m.name AS name;
