// Read a page of the passages of documents, by id, with their present mentions.
// Columns: id, content, guard (string that changes with the text), mentions (list of maps: id,
// start, end, count, confidence, extractor), unasserted (list of JSON or null).
// Plan: a seek on the namespace's ids after `after`; ids of document passages begin with
// `document:`.
:param namespace => "default"
:param after => "document:"
:param limit => 100
MATCH (k:Chunk {namespace: $namespace})
WHERE k.id > $after AND k.id STARTS WITH 'document:' AND k.kind = 'document'
WITH k ORDER BY k.id LIMIT $limit
CALL (k) {
  MATCH (k)-[r:MENTIONS]->(e:Entity)
  RETURN collect({id: e.id, start: r.start, end: r.end, count: r.count, confidence: r.confidence,
    extractor: r.extractor}) AS mentions
}
RETURN k.id AS id, k.content AS content, toString(k.created_ms) AS guard, mentions, k.unasserted AS unasserted;
