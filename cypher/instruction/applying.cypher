// Read the instructions that may apply to a query, with their similarity to it.
// Columns: item (map), cosine (float, -1 to 1; null without a vector), revision and model (of the
// vectors that the namespace uses).
// Superseded and retired ones are left out.
// Plan: the `limit` latest by the index of the constraint, each with a seek on its address. Their
// vectors are compared one by one, which finds all of them on every server.
:param batch => {namespace: "default", vector: [0.1, 0.2], vector_property: "embedding", projects: [], limit: 1000}
OPTIONAL MATCH (v:NamespaceVersion {namespace: $batch.namespace})
MATCH (i:Instruction {namespace: $batch.namespace})
WHERE i.id IS NOT NULL AND i.status = 'active'
  AND (size($batch.projects) = 0 OR i.project = '' OR i.project IN $batch.projects)
  AND NOT EXISTS {
    MATCH (x:Instruction {namespace: i.namespace, address: i.address})
    WHERE x.order_key > i.order_key
  }
WITH v, i ORDER BY i.order_key DESC
LIMIT $batch.limit
RETURN i {.id, .content, .instruction_kind, .scope, .subject, .attribute, .status, .rule,
  .conversation_id, .message_id, .start, .end, .timestamp_ms, .created_ms, .order_key} AS item,
  2 * vector.similarity.cosine(i[$batch.vector_property], $batch.vector) - 1 AS cosine,
  v.vectors_revision AS revision, v.embedding_model AS model;
