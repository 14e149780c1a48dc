// Mark a conversation that is deleted in several transactions: without a revision, no call loads it,
// lists it or saves to it, and no search finds it.
// Columns: id (string).
:param batch => {namespace: "default", id: "conv-123"}
MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.id})
REMOVE c.revision, c.content, c.terms, c.metadata, c.project_path, c.tags, c.mode
SET c.facets = [], c.project = ''
RETURN c.id AS id;
