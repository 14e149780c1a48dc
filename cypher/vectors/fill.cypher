// Write the new model's vectors to nodes whose text has not changed since it was read.
// Columns: filled (integer).
// Plan: each node is locked before its text is compared, so that a concurrent writer either removes
// the vector after this, or has changed the text before. The namespace's own node is locked at the
// end; if its revision is another one, the range guard rolls everything back, see cypher/README.md.
:param batch => {namespace: "default", rows: [{label: "Message", id: "conv-123:0", content: "Hello", description: "", vector: [0.1, 0.2]}], active: "embedding", inactive: "embedding_384_a", revision: 2, now: 1767225600000}
CALL () {
  UNWIND $batch.rows AS row
  MATCH (n:Message|Chunk|Entity|Decision|Instruction {namespace: $batch.namespace, id: row.id})
  WHERE row.label IN labels(n)
  SET n.updated_ms = n.updated_ms
  WITH n, row
  WHERE n.content = row.content AND coalesce(n.description, '') = row.description AND n[$batch.active] IS NOT NULL
  CALL db.create.setNodeVectorProperty(n, $batch.inactive, row.vector)
  RETURN count(*) AS filled
}
MATCH (v:NamespaceVersion {namespace: $batch.namespace})
SET v.vectors_ms = $batch.now
RETURN CASE WHEN v.vectors_revision = $batch.revision THEN filled ELSE size(range(0, 1, filled * 0)) END AS filled;
