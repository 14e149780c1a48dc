// Count the nodes with a vector of the model in use, and those that also have one of the other
// model.
// Columns: active, inactive (integers).
:param batch => {namespace: "default", active: "embedding", inactive: "embedding_384_a"}
CALL () {
  MATCH (n:Message {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.active] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Chunk {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.active] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Entity {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.active] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Decision {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.active] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Instruction {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.active] IS NOT NULL RETURN n
}
RETURN count(n) AS active, count(n[$batch.inactive]) AS inactive;
