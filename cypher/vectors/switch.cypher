// Use the other model's vectors from now on, and keep those that were in use as the previous ones.
// Columns: revision (integer).
// Plan: `vectors/lock` runs before it in the same transaction.
:param batch => {namespace: "default", revision: 2}
MATCH (v:NamespaceVersion {namespace: $batch.namespace})
WHERE v.vectors_revision = $batch.revision AND v.other_model IS NOT NULL
WITH v, v.embedding_model AS model, v.vector_size AS size, v.vectors AS vector_property
SET v.embedding_model = v.other_model, v.vector_size = v.other_size, v.vectors = v.other_vectors
SET v.other_model = model, v.other_size = size, v.other_vectors = vector_property,
  v.other_progress = 'previous'
SET v.version = randomUUID(), v.vectors_revision = $batch.revision + 1
RETURN v.vectors_revision AS revision;
