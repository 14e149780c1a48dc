// Say which vectors are beside those that a namespace uses, and how far they are: `clearing`, `filling`, `stopped` or `previous`.
// Columns: revision (integer). No row: somebody else has changed that meanwhile.
:param batch => {namespace: "default", revision: 1, other: {model: "other@1", size: 384, vectors: "embedding_384_a"}, progress: "filling", now: 1767225600000}
MATCH (v:NamespaceVersion {namespace: $batch.namespace})
SET v.vectors_ms = $batch.now
WITH v
WHERE v.vectors_revision = $batch.revision
SET v.vectors_revision = $batch.revision + 1, v.other_model = $batch.other.model, v.other_size = $batch.other.size,
  v.other_vectors = $batch.other.vectors, v.other_progress = $batch.progress
RETURN v.vectors_revision AS revision;
