// List the merges of a namespace, the latest first, undone ones too.
// Columns: total (number of merges of the namespace), before_exists (whether the merge `before`
// exists), merges (list of maps id, kept and merged (maps id, name; name null if the entity does
// not exist), reason, merged_by, evidence (JSON or null), created_ms, undone_ms). Always one row.
// Plan: the merges by the index of their constraint, which starts with the namespace; a seek for
// each entity of the listed ones.
:param batch => {namespace: "default", before: null, limit: 100}
CALL () {
  MATCH (g:Merge {namespace: $batch.namespace})
  WHERE g.id IS NOT NULL
  RETURN count(g) AS total
}
OPTIONAL MATCH (b:Merge {namespace: $batch.namespace, id: $batch.before})
CALL (b) {
  MATCH (g:Merge {namespace: $batch.namespace})
  WHERE g.id IS NOT NULL AND ($batch.before IS NULL OR g.place < b.place)
  WITH g
  ORDER BY g.place DESC
  LIMIT $batch.limit
  CALL (g) {
    UNWIND [g.kept_id] + g.merged_ids AS id
    OPTIONAL MATCH (e:Entity|MergedEntity {namespace: $batch.namespace, id: id})
    RETURN collect({id: id, name: e.name}) AS entities
  }
  RETURN collect(g {
    .id, .reason, .merged_by, .evidence, .created_ms, .undone_ms, kept: entities[0], merged: entities[1..]
  }) AS merges
}
RETURN total, $batch.before IS NULL OR b IS NOT NULL AS before_exists, merges;
