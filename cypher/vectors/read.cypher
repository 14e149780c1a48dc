// Which model's vectors does a namespace use, and which are beside them?
// Columns: revision (integer), used and other (maps of model, size, vectors (the property); null in all of `other` where there are none),
// progress ('clearing', 'filling', 'stopped', 'previous' or null), merges (integer, how often entities were merged or that undone). No row: the namespace has no vectors.
:param namespace => "default"
MATCH (v:NamespaceVersion {namespace: $namespace})
WHERE v.vectors_revision IS NOT NULL
RETURN v.vectors_revision AS revision,
  {model: v.embedding_model, size: v.vector_size, vectors: v.vectors} AS used,
  {model: v.other_model, size: v.other_size, vectors: v.other_vectors} AS other,
  v.other_progress AS progress, coalesce(v.merges, 0) AS merges;
