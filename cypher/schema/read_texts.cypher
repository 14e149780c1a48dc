// Read texts that have no terms yet, a page of them.
// Columns: key (string), content, metadata (JSON or null), shared (JSON or null: the metadata of the
// conversation of a message or decision).
// Plan: the index of a constraint is scanned until the page is full.
:param batch => {label: "Message", limit: 1000}
CALL () {
  WITH $batch AS batch WHERE batch.label = 'Message'
  MATCH (n:Message) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.terms IS NULL AND n.content IS NOT NULL
  RETURN n LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'Chunk'
  MATCH (n:Chunk) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.terms IS NULL AND n.kind = 'document'
  RETURN n LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'Entity'
  MATCH (n:Entity) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.terms IS NULL AND n.content IS NOT NULL
  RETURN n LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'MergedEntity'
  MATCH (n:MergedEntity) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.terms IS NULL AND n.content IS NOT NULL
  RETURN n LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'Decision'
  MATCH (n:Decision) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.terms IS NULL AND n.content IS NOT NULL
  RETURN n LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'Conversation'
  MATCH (n:Conversation) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.terms IS NULL AND n.content IS NOT NULL
  RETURN n LIMIT $batch.limit
}
RETURN elementId(n) AS key, n.content AS content, n.metadata AS metadata,
  head([(c:Conversation)-[:HAS_MESSAGE|HAS_DECISION]->(n) | c.metadata]) AS shared;
