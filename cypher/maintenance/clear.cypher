// Delete everything in a namespace, a thousand nodes to a transaction.
// Columns: deleted (integer).
// Plan: each label by its constraint's index, which starts with the namespace; must run as an
// auto-commit transaction. Each transaction gives the namespace another version.
:param namespace => "scratch"
CALL () {
  MATCH (n:Conversation {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Message {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Chunk {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Entity {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Document {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Decision {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Instruction {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:MergedEntity {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Merge {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:EntityPatterns {namespace: $namespace}) RETURN n
}
CALL (n) {
  DETACH DELETE n
  WITH 1 AS done
  MERGE (v:NamespaceVersion {namespace: $namespace})
  SET v.version = randomUUID()
} IN TRANSACTIONS OF 1000 ROWS
RETURN count(*) AS deleted;
