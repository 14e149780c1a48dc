// How many nodes of a namespace have a vector of the model in use, and how many of those one of the other model?
// Columns: used, other (integers).
:param batch => {namespace: "default", used: "embedding", other: "embedding_384_a"}
CALL () {
  MATCH (n:Message {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.used] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Chunk {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.used] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Entity {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.used] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Decision {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.used] IS NOT NULL RETURN n
}
RETURN count(n) AS used, count(n[$batch.other]) AS other;
