// Remove some of the vectors that a namespace has in one property.
// Columns: cleared (integer; 0: none is left). No row: another model was begun meanwhile, or these
// vectors are in use.
// Plan: each label by its constraint's index, which starts with the namespace. The namespace's own
// node is locked first, so that no vectors are removed that were written or came into use since.
:param batch => {namespace: "default", vector_property: "embedding_384_a", revision: 2, limit: 2000, now: 1767225600000}
MATCH (v:NamespaceVersion {namespace: $batch.namespace})
SET v.vectors_ms = $batch.now
WITH v
WHERE v.vectors_revision = $batch.revision AND v.vectors <> $batch.vector_property
CALL () {
  CALL () {
    MATCH (n:Message {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.vector_property] IS NOT NULL RETURN n
    UNION ALL
    MATCH (n:Chunk {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.vector_property] IS NOT NULL RETURN n
    UNION ALL
    MATCH (n:Entity {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.vector_property] IS NOT NULL RETURN n
    UNION ALL
    MATCH (n:Decision {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.vector_property] IS NOT NULL RETURN n
    UNION ALL
    MATCH (n:Instruction {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.vector_property] IS NOT NULL RETURN n
  }
  WITH n LIMIT $batch.limit
  REMOVE n[$batch.vector_property]
  RETURN count(*) AS cleared
}
RETURN cleared;
