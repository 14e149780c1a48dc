// Read the hash of a stored document.
// Columns: hash (of its text, its metadata and its project), created_ms (integer). No row: the
// document does not exist.
// Plan: one seek. The node is locked first, by removing a property that it does not have: while
// another save is being committed, its hash may be visible before its passages.
:param batch => {namespace: "default", id: "handbook"}
MATCH (d:Document {namespace: $batch.namespace, id: $batch.id})
REMOVE d.lock
WITH d
RETURN d.hash AS hash, d.created_ms AS created_ms;
