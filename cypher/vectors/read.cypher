// Return which model's vectors a namespace uses, and which other vectors it has.
// Columns: revision (integer), active and inactive (maps of model, size, vector_property;
// all null in `inactive` where there are none), progress ('clearing', 'dropped', 'filling',
// 'stopped', 'previous' or null), merges (integer, how often entities were merged or that was
// undone). No row: the namespace has no vectors.
:param namespace => "default"
MATCH (v:NamespaceVersion {namespace: $namespace})
WHERE v.vectors_revision IS NOT NULL
RETURN v.vectors_revision AS revision,
  {model: v.embedding_model, size: v.vector_size, vector_property: v.vectors} AS active,
  {model: v.other_model, size: v.other_size, vector_property: v.other_vectors} AS inactive,
  v.other_progress AS progress, coalesce(v.merges, 0) AS merges;
