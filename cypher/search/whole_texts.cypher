// Read the whole text of messages of which a search read only a part.
// Columns: id, content. One row per message that still exists.
// Plan: one seek per message. One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", ids: ["conv-123:0"]}
UNWIND $batch.ids AS id
MATCH (m:Message {namespace: $batch.namespace, id: id})
RETURN m.id AS id, m.content AS content;
