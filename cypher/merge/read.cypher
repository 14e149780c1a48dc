// A merge, and those after it that must be undone before it.
// Columns: merge (map), later (list of ids of merges, the latest first). No row: there is no such merge.
// Plan: a seek on the merge, and one step from each of its entities.
:param batch => {namespace: "default", id: "merge:1"}
MATCH (g:Merge {namespace: $batch.namespace, id: $batch.id})
CALL (g) {
  MATCH (g)-[:INTO|MERGED]->(e)<-[:INTO|MERGED]-(x:Merge)
  WHERE x.place > g.place
  WITH DISTINCT x ORDER BY x.place DESC
  RETURN collect(x.id) AS later
}
RETURN g {.id, .kept_id, .merged_ids, .merged_labels, .snapshot, .counts, .model, .vectors, .undone_ms} AS merge, later;
