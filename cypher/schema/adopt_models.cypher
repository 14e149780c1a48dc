// Note in each namespace which model made its vectors; until schema version 3 the database did.
// Columns: namespaces (integer).
// Plan: runs once, when a store of version 3 is opened; reads all nodes that can have a vector.
:param now => 1767225600000
MATCH (s:SchemaVersion {id: 'schema'})
WHERE s.embedding_model IS NOT NULL
CALL () {
  CALL () {
    MATCH (n:Message) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.embedding IS NOT NULL RETURN n
    UNION ALL
    MATCH (n:Chunk) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.embedding IS NOT NULL RETURN n
    UNION ALL
    MATCH (n:Entity) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.embedding IS NOT NULL RETURN n
    UNION ALL
    MATCH (n:Decision) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.embedding IS NOT NULL RETURN n
  }
  RETURN DISTINCT n.namespace AS namespace
}
MERGE (v:NamespaceVersion {namespace: namespace})
ON CREATE SET v.version = randomUUID()
WITH s, v
WHERE v.vectors_revision IS NULL
SET v.embedding_model = s.embedding_model, v.vector_size = s.vector_size, v.vectors = 'embedding', v.vectors_revision = 1, v.vectors_ms = $now
RETURN count(*) AS namespaces;
