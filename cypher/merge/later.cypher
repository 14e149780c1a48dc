// Which merges must be undone before some others? Those into the same entity after it, the one by which that entity became part of another one,
// those into that one after this, and so on.
// Columns: id (string), whole (whether the entities of the merge are still there), later (list of ids of merges, in the order in which they must
// be undone: the latest first; cut at `limit`), count (how many there are). No row for a merge that does not exist.
// Plan: a seek on each merge; an entity was merged into one other at most, so that there is one way up, and one step from each entity on it.
:param batch => {namespace: "default", ids: ["merge:1"], limit: 100}
UNWIND $batch.ids AS id
MATCH (g:Merge {namespace: $batch.namespace, id: id})
CALL (g) {
  MATCH (g) (()-[:INTO]->()<-[:MERGED]-())* (up:Merge)
  MATCH (up)-[:INTO]->(k)
  CALL (up, k) {
    MATCH (k)<-[:INTO]-(beside:Merge)
    WHERE beside.place > up.place
    RETURN collect(beside) AS beside
  }
  UNWIND [up] + beside AS x
  WITH DISTINCT x
  WHERE x.place > g.place
  WITH x ORDER BY x.place DESC
  RETURN collect(x.id) AS later
}
RETURN id, g.undone_ms IS NULL AND EXISTS { (g)-[:INTO]->() } AND COUNT { (g)-[:MERGED]->() } = size(g.merged_ids) AS whole,
  later[..$batch.limit] AS later, size(later) AS count;
