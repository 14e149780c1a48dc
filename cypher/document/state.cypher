// What the store holds of a document.
// Columns: hash (of its text, its metadata and its project), created_ms (integer). No row: there is no such document.
:param batch => {namespace: "default", id: "handbook"}
MATCH (d:Document {namespace: $batch.namespace, id: $batch.id})
RETURN d.hash AS hash, d.created_ms AS created_ms;
