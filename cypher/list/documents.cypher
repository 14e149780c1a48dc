// List documents of a namespace that filters let through, in an order.
// Columns: item (map), key (integer), passages (integer).
// `sign` is 1 for an ascending order, -1 for a descending one, and 0 for the order of ids; `updated`
// orders by the time of the last change. `after_key` and `after_id` are those of the last row of the
// previous page, null for the first page.
// Plan: the documents by the index of their constraint, which starts with the namespace; of each, the
// passages up to the first one that the filters let through, because these have the filter tokens. Only
// the rows of the page are kept while sorting. One map as parameter: lists of other lengths would be
// planned anew.
:param batch => {namespace: "default", groups: [["1"]], excluded: [], start_ms: 0, end_ms: 1767225600000, confidence_min: 0.0, conversation_ids: null, statuses: null, sign: -1, updated: false, after_key: null, after_id: null, limit: 100}
MATCH (n:Document {namespace: $batch.namespace})
WHERE n.id IS NOT NULL
  AND n.created_ms >= $batch.start_ms AND n.created_ms <= $batch.end_ms
  AND EXISTS {
    (n)-[:HAS_CHUNK]->(k:Chunk)
    WHERE all(group IN $batch.groups WHERE any(token IN group WHERE token IN k.facets))
      AND none(token IN $batch.excluded WHERE token IN k.facets)
  }
WITH n, $batch.sign * CASE WHEN $batch.updated THEN n.updated_ms ELSE n.created_ms END AS key
WHERE $batch.after_id IS NULL OR key > $batch.after_key
  OR (key = $batch.after_key AND n.id > $batch.after_id)
WITH n, key ORDER BY key, n.id
LIMIT $batch.limit
RETURN n {.id, .project_path, .metadata, .created_ms, .updated_ms} AS item, key,
  COUNT { (n)-[:HAS_CHUNK]->() } AS passages;
