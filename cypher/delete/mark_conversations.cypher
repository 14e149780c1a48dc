// Mark the conversations of a namespace that is deleted, as `delete/mark_conversation` does.
// Columns: conversations (integer: how many were marked).
// Plan: must run as an auto-commit transaction.
:param batch => {namespace: "scratch"}
MATCH (c:Conversation {namespace: $batch.namespace})
WHERE c.id IS NOT NULL AND c.revision IS NOT NULL
CALL (c) {
  REMOVE c.revision, c.content, c.terms, c.metadata, c.project_path, c.tags, c.mode
  SET c.facets = [], c.project = ''
} IN TRANSACTIONS OF 1000 ROWS
RETURN count(*) AS conversations;
