// Lock an entity, and read what must be changed when it is deleted.
// Columns: is_merged (whether it was merged into another entity), ids (list of strings: it and the
// entities that were merged into it), texts (list of maps label, id, unasserted: texts that keep
// relations with it which they do not assert), snapshots (list of maps id, snapshot: merges that
// name one of the ids and stay). No row: the entity does not exist.
// Plan: a seek; all merges of the namespace by the index of their constraint. A merged entity that
// was deleted with the entity before has no node any more.
:param batch => {namespace: "default", id: "DataProcessor", now: 1767225600000}
CYPHER replan=skip
MATCH (e:Entity|MergedEntity {namespace: $batch.namespace, id: $batch.id})
SET e.updated_ms = $batch.now
WITH e
CALL (e) {
  MATCH (e) (()<-[:INTO]-(:Merge)-[:MERGED]->()){0,20} (x)
  RETURN collect(DISTINCT x.id) AS ids
}
CALL (e, ids) {
  MATCH (e)<-[:MENTIONS]-(m)
  WHERE any(id IN m.unasserted_ids WHERE id IN ids)
  RETURN collect({
    label: head([label IN labels(m) WHERE label IN ['Message', 'Chunk']]), id: m.id, unasserted: m.unasserted
  }) AS texts
}
CALL (ids) {
  MATCH (g:Merge {namespace: $batch.namespace})
  WHERE g.id IS NOT NULL AND NOT g.kept_id IN ids AND none(id IN g.merged_ids WHERE id IN ids)
    AND any(id IN ids WHERE g.snapshot CONTAINS id)
  RETURN collect(g {.id, .snapshot}) AS snapshots
}
RETURN e:MergedEntity AS is_merged, ids, texts, snapshots;
