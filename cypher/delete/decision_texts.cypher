// Replace the text of decisions that stay, although a message that they quoted is deleted.
// Columns: id (string).
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
RETURN d.id AS id;
