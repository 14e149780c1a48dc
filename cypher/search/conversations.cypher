// Read what is shown of conversations that were found through their messages.
// Columns: id, project_path (string or null), metadata (JSON or null), messages (list of id, role,
// name, content, timestamp_ms, metadata).
// No row for a conversation that is being deleted.
// Plan: one seek per conversation and per message. One map as parameter: lists of other lengths
// would be planned anew.
:param batch => {namespace: "default", conversations: [{id: "conv-123", messages: ["conv-123:0"]}]}
UNWIND $batch.conversations AS row
MATCH (c:Conversation {namespace: $batch.namespace, id: row.id})
WHERE c.revision IS NOT NULL
CALL (row) {
  UNWIND row.messages AS id
  MATCH (m:Message {namespace: $batch.namespace, id: id})
  RETURN collect({
    id: m.id, role: m.role, name: m.name, content: m.content, timestamp_ms: m.timestamp_ms, metadata: m.metadata
  }) AS messages
}
RETURN c.id AS id, c.project_path AS project_path, c.metadata AS metadata, messages;
