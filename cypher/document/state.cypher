// Read the hash of a stored document.
// Columns: hash (of its text, its metadata and its project), created_ms (integer). No row: the
// document does not exist.
:param batch => {namespace: "default", id: "handbook"}
MATCH (d:Document {namespace: $batch.namespace, id: $batch.id})
RETURN d.hash AS hash, d.created_ms AS created_ms;
