// Give nodes their vectors of the model that is on its way in, unless their text has changed since it was read.
// Columns: filled (integer).
// Plan: each node is locked before its text is compared: a writer either removed the vector after this, or has changed the text before.
// At the end the namespace's own node is locked; where its revision is another one, a range with a step of zero rolls everything back.
:param batch => {namespace: "default", rows: [{label: "Message", id: "conv-123:0", content: "Hello", description: "", vector: [0.1, 0.2]}], used: "embedding", other: "embedding_384_a", revision: 2, now: 1767225600000}
CALL () {
  UNWIND $batch.rows AS row
  MATCH (n:Message|Chunk|Entity|Decision {namespace: $batch.namespace, id: row.id})
  WHERE row.label IN labels(n)
  SET n.updated_ms = n.updated_ms
  WITH n, row
  WHERE n.content = row.content AND coalesce(n.description, '') = row.description AND n[$batch.used] IS NOT NULL
  CALL db.create.setNodeVectorProperty(n, $batch.other, row.vector)
  RETURN count(*) AS filled
}
MATCH (v:NamespaceVersion {namespace: $batch.namespace})
SET v.vectors_ms = $batch.now
RETURN CASE WHEN v.vectors_revision = $batch.revision THEN filled ELSE size(range(0, 1, filled * 0)) END AS filled;
