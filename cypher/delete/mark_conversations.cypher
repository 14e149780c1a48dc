// Mark some conversations of a namespace that is deleted, as `delete/mark_conversation` does.
// Columns: nodes (integer: how many were marked).
// Plan: the constraint's index, which starts with the namespace. The caller repeats it until there
// are none. No search finds the conversations afterwards, so the namespace gets another version.
:param batch => {namespace: "scratch", limit: 1000}
MATCH (c:Conversation {namespace: $batch.namespace})
WHERE c.id IS NOT NULL AND c.revision IS NOT NULL
WITH c LIMIT $batch.limit
REMOVE c.revision, c.content, c.terms, c.metadata, c.project_path, c.tags, c.mode
SET c.facets = [], c.project = ''
WITH count(*) AS nodes
CALL (nodes) {
  WITH nodes WHERE nodes > 0
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN nodes;
