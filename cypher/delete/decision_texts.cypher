// Replace the text of decisions that stay, although a text that they quoted is deleted or replaced.
// Columns: id (string), entities (integer: how many were deleted).
// A decision is no longer about an entity of the lost text that its new text does not name. What
// only supported such an entity goes with it, as in `delete/texts`.
// `namespace/touch` ends the transaction; its guard checks `expected_state`.
:param batch => {namespace: "default", now: 1767225600000, rows: [{id: "decision:1", properties: {context: "We use it.", content: "We use it.", terms: "use"}, vector: null}], expected_state: {vector_property: "embedding", inactive_property: "embedding_none"}}
UNWIND $batch.rows AS row
MATCH (d:Decision {namespace: $batch.namespace, id: row.id})
SET d += row.properties, d.updated_ms = $batch.now
WITH d, row
CALL (d, row) {
  WITH d, row WHERE row.vector IS NOT NULL
  CALL db.create.setNodeVectorProperty(d, $batch.expected_state.vector_property, row.vector)
  REMOVE d[$batch.expected_state.inactive_property]
}
CALL (d, row) {
  MATCH (d)-[about:ABOUT]->(e:Entity)
  WHERE e.origin = 'extracted' AND none(name IN [e.name] + coalesce(e.aliases, [])
    WHERE toLower(row.properties.context) CONTAINS toLower(name))
  WITH d, about, e ORDER BY e.id
  SET e.updated_ms = $batch.now
  DELETE about
  WITH d, e
  CALL (d, e) {
    MATCH (e)-[r]-(:Entity)
    WHERE d.id IN r.sources
    SET r.sources = [id IN r.sources WHERE id <> d.id]
    WITH DISTINCT r WHERE size(r.sources) = 0 AND r.origin = 'extracted' AND r.capped IS NULL
    DELETE r
  }
  RETURN collect(e) AS unlinked
}
CALL (d) {
  OPTIONAL MATCH (d)-[:ABOUT]->(e:Entity)
  WITH d, coalesce(d.mentioned, []) AS old, collect(DISTINCT e.type_facet) AS types
  SET d.mentioned = types, d.facets = [f IN d.facets WHERE NOT f IN old] + types
}
CALL (unlinked) {
  UNWIND unlinked AS e
  WITH e
  WHERE NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() } AND NOT EXISTS { (e)--(:Entity) }
  DETACH DELETE e
  RETURN count(*) AS entities
}
RETURN row.id AS id, entities;
