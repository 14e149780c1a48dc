// Find a conversation whose deletion was begun and not completed.
// Columns: id (string). No row: there is none.
:param batch => {namespace: "default", id: "conv-123"}
MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.id})
WHERE c.revision IS NULL
RETURN c.id AS id;
