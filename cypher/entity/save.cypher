// Write entities of a caller, which `entity/claim` has locked, with a label for their type. A
// changed type changes the label, and the filter tokens of the texts that mention the entity.
// Columns: id (string).
// `expected_state` is the namespace's vector state as the caller read it; the guard of
// `namespace/touch`, which ends the transaction, compares it with the present one.
:param batch => {namespace: "default", now: 1767225600000, entities: [{id: "DataValidator", label: "Class", stale_label: "Concept", properties: {name: "DataValidator", type: "class", type_facet: "1"}, vector: null, has_new_type: false}], expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
UNWIND $batch.entities AS row
MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
SET e += row.properties, e.updated_ms = $batch.now
REMOVE e.fresh, e:$(row.stale_label)
SET e:$(row.label)
WITH e, row
CALL (e, row) {
  WITH e, row WHERE row.vector IS NOT NULL
  CALL db.create.setNodeVectorProperty(e, $batch.expected_state.vector_property, row.vector)
  REMOVE e[$batch.expected_state.inactive_property]
}
CALL (e, row) {
  WITH e, row WHERE row.has_new_type
  MATCH (e)<-[:MENTIONS|ABOUT]-(m)
  WITH m, coalesce(m.mentioned, []) AS old
  CALL (m) {
    MATCH (m)-[:MENTIONS|ABOUT]->(x:Entity)
    RETURN collect(DISTINCT x.type_facet) AS types
  }
  SET m.mentioned = types, m.facets = [f IN m.facets WHERE NOT f IN old] + types
}
RETURN e.id AS id;
