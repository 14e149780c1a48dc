// Note another model's vectors in a namespace, and how far they are.
// Columns: revision (integer). No row: somebody else has changed that meanwhile.
// `progress` is `clearing`, `dropped`, `filling`, `stopped` or `previous`.
:param batch => {namespace: "default", revision: 1, inactive: {model: "other@1", size: 384, vector_property: "embedding_384_a"}, progress: "filling", now: 1767225600000}
MATCH (v:NamespaceVersion {namespace: $batch.namespace})
SET v.vectors_ms = $batch.now
WITH v
WHERE v.vectors_revision = $batch.revision
SET v.vectors_revision = $batch.revision + 1, v.other_model = $batch.inactive.model, v.other_size = $batch.inactive.size,
  v.other_vectors = $batch.inactive.vector_property, v.other_progress = $batch.progress
RETURN v.vectors_revision AS revision;
