// Read the metadata of everything that has some keys, so that the caller can compare its values.
// Columns: metadata (JSON, null for what was deleted meanwhile). One row per message, conversation
// and passage of a document.
// Plan: one search of the fulltext index, by the tokens of the keys. Messages that inherit a key
// from their conversation are not read.
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", query: "+facets:(1)^0 +facets:(2)^0", limit: 1000}
CALL db.index.fulltext.queryNodes('memory_text', $batch.query, {limit: $batch.limit}) YIELD node
WITH node
WHERE node.namespace = $batch.namespace
RETURN node.metadata AS metadata;
