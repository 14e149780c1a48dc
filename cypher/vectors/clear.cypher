// Remove all vectors that a namespace has in one property, a thousand nodes to a transaction.
// Columns: cleared (integer).
// Plan: every label by its constraint's index, which starts with the namespace; must run as an auto-commit transaction.
:param batch => {namespace: "default", vectors: "embedding_384_a"}
CALL () {
  MATCH (n:Message {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.vectors] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Chunk {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.vectors] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Entity {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.vectors] IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Decision {namespace: $batch.namespace}) WHERE n.id IS NOT NULL AND n[$batch.vectors] IS NOT NULL RETURN n
}
CALL (n) {
  REMOVE n[$batch.vectors]
} IN TRANSACTIONS OF 1000 ROWS
RETURN count(*) AS cleared;
