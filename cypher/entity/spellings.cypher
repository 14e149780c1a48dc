// Find the entities that are stored under another spelling of a name.
// Columns: id (string, as passed), is_stored (whether the id itself is in use), other_id (string, the
// oldest entity with the same name in another spelling; null where there is none).
// Plan: an index seek per id, and one per name that is not in use yet.
// `excluded_types` lists types of entities that are never the same: "rose" is not the person "Rose".
:param batch => {namespace: "default", names: [{id: "neo4j", folded: "neo4j", excluded_types: ["person"]}]}
UNWIND $batch.names AS row
OPTIONAL MATCH (own:Entity {namespace: $batch.namespace, id: row.id})
CALL (row, own) {
  WITH row WHERE own IS NULL
  MATCH (e:Entity {namespace: $batch.namespace, folded: row.folded})
  USING INDEX e:Entity(namespace, folded)
  WHERE NOT e.type IN row.excluded_types
  WITH e ORDER BY e.created_ms, e.id
  RETURN collect(e.id)[0] AS other_id
}
RETURN row.id AS id, own IS NOT NULL AS is_stored, other_id;
