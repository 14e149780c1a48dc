// Find the entities that a query may name: those that share words with it.
// Columns: id, name, aliases (list), content, confidence (0 to 1), score (Lucene's, best first).
// Plan: one search of the fulltext index, which requires the namespace and the kind by their filter
// tokens.
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", text: "+facets:(1)^0 +facets:(2)^0 +terms:(pandas)", limit: 50}
CALL db.index.fulltext.queryNodes('memory_text', $batch.text, {limit: $batch.limit}) YIELD node, score
WITH node AS e, score
WHERE e:Entity AND e.namespace = $batch.namespace
RETURN e.id AS id, e.name AS name, coalesce(e.aliases, []) AS aliases, e.content AS content,
  coalesce(e.confidence, 1.0) AS confidence, score
ORDER BY score DESC, id;
