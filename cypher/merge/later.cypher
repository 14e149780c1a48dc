// Find the merges that must be undone before some others: later ones into the same entity, the one
// that merged this entity into another one, later ones into that one, and so on.
// Columns: id (string), is_complete (whether the entities of the merge still exist), later (list of
// ids of merges in the order in which they must be undone, the latest first; cut at `limit`), count
// (number of all of them). No row: the merge does not exist.
// Plan: a seek on each merge. An entity was merged into at most one other, so that there is one
// path up, and one step from each entity on it.
:param batch => {namespace: "default", ids: ["merge:1"], limit: 100}
UNWIND $batch.ids AS id
MATCH (g:Merge {namespace: $batch.namespace, id: id})
CALL (g) {
  MATCH (g) (()-[:INTO]->()<-[:MERGED]-())* (up:Merge)
  MATCH (up)-[:INTO]->(k)
  CALL (up, k) {
    MATCH (k)<-[:INTO]-(sibling:Merge)
    WHERE sibling.place > up.place
    RETURN collect(sibling) AS siblings
  }
  UNWIND [up] + siblings AS x
  WITH DISTINCT x
  WHERE x.place > g.place
  WITH x ORDER BY x.place DESC
  RETURN collect(x.id) AS later
}
RETURN id, g.undone_ms IS NULL AND EXISTS { (g)-[:INTO]->() }
  AND COUNT { (g)-[:MERGED]->() } = size(g.merged_ids) AS is_complete,
  later[..$batch.limit] AS later, size(later) AS count;
