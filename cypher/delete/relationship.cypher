// Delete a relationship, and extracted entities at its ends that nothing supports any more.
// Columns: relationships, entities (integers: how many were deleted), snapshots (list of maps id,
// snapshot: merges of the ends, whose undo would restore it). No row: the relationship does not
// exist.
// Plan: two seeks; both ends are locked first, by id. The namespace gets another version at the very
// end, so that its lock is held for the commit only.
:param batch => {namespace: "default", source: "DataProcessor", target: "pandas", type: "USES", now: 1767225600000}
UNWIND CASE WHEN $batch.source < $batch.target THEN [$batch.source, $batch.target]
  ELSE [$batch.target, $batch.source] END AS id
MATCH (e:Entity {namespace: $batch.namespace, id: id})
SET e.updated_ms = $batch.now
WITH collect(DISTINCT e) AS ends
MATCH (a:Entity {namespace: $batch.namespace, id: $batch.source})
  -[r:$($batch.type)]->(b:Entity {namespace: $batch.namespace, id: $batch.target})
DELETE r
WITH ends, count(*) AS relationships
CALL (ends) {
  UNWIND ends AS e
  MATCH (e) (()<-[:INTO]-(:Merge)-[:MERGED]->()){0,20} (x)<-[:INTO]-(g:Merge)
  WHERE g.snapshot IS NOT NULL
  RETURN collect(DISTINCT g {.id, .snapshot}) AS snapshots
}
CALL (ends) {
  UNWIND ends AS e
  WITH e
  WHERE e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() }
    AND NOT EXISTS { (e)--(:Entity) }
  DETACH DELETE e
  RETURN count(*) AS entities
}
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN relationships, entities, snapshots;
