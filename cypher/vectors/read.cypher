// Return which model's vectors a namespace uses, and which other vectors it has.
// Columns: revision (integer), active and inactive (maps of model, size, vector_property;
// all null in `inactive` where there are none), progress ('clearing', 'dropped', 'filling',
// 'stopped', 'previous' or null), merges (integer, how often entities were merged or that was
// undone). No row: the namespace has no vectors.
// Plan: the node is locked first, as in `namespace/settled_version`. While a commit is applied, its
// properties do not become visible together: the new revision may have the old property of vectors,
// and a new number of merges their old relationships.
:param namespace => "default"
MATCH (v:NamespaceVersion {namespace: $namespace})
REMOVE v.lock
WITH v
WHERE v.vectors_revision IS NOT NULL
RETURN v.vectors_revision AS revision,
  {model: v.embedding_model, size: v.vector_size, vector_property: v.vectors} AS active,
  {model: v.other_model, size: v.other_size, vector_property: v.other_vectors} AS inactive,
  v.other_progress AS progress, coalesce(v.merges, 0) AS merges;
