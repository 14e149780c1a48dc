// What is known of conversations that were found through their messages?
// Columns: id, project_path (string or null), metadata (JSON or null).
// Plan: one seek per id. One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", ids: ["conv-123"]}
UNWIND $batch.ids AS id
MATCH (c:Conversation {namespace: $batch.namespace, id: id})
RETURN c.id AS id, c.project_path AS project_path, c.metadata AS metadata;
