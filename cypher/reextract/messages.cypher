// Read a page of extracted messages, by id, with their present mentions.
// Columns: id, content, mentions (list of maps: id, start, end, count, confidence, extractor),
// unasserted (list of JSON or null), role, name (of the author, or null).
// Plan: a seek on the namespace's ids after `after`, in the order of the index. No hash is read,
// because it may be that of a new text while `content` is still the old one.
:param namespace => "default"
:param after => ""
:param limit => 100
MATCH (m:Message {namespace: $namespace})
WHERE m.id > $after
WITH m ORDER BY m.id LIMIT $limit
CALL (m) {
  WITH m WHERE m.extracted
  MATCH (m)-[r:MENTIONS]->(e:Entity)
  RETURN collect({id: e.id, start: r.start, end: r.end, count: r.count, confidence: r.confidence,
    extractor: r.extractor}) AS mentions
}
RETURN m.id AS id, CASE WHEN m.extracted THEN m.content END AS content, mentions,
  m.unasserted AS unasserted, m.role AS role, m.name AS name;
