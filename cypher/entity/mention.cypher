// Link extracted entities to a message, or else to a conversation, if it exists.
// Columns: linked ('message', 'conversation' or null: which of them mentions the entities now).
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", conversation_id: "conv-123", message_id: null, mentions: [{id: "DataProcessor", properties: {start: 4, end: 17, count: 1, confidence: 0.9, extractor: "rule"}}]}
OPTIONAL MATCH (m:Message {namespace: $batch.namespace, id: $batch.message_id})
OPTIONAL MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
WITH coalesce(m, c) AS text, m
CALL (text) {
  WITH text WHERE text IS NOT NULL
  UNWIND $batch.mentions AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
  MERGE (text)-[r:MENTIONS]->(e)
  SET r += row.properties, r.parts = row.properties.parts
  WITH text, collect(DISTINCT e.type_facet) AS types
  SET text.mentioned = [f IN coalesce(text.mentioned, []) WHERE NOT f IN types] + types,
    text.facets = [f IN text.facets WHERE NOT f IN types] + types
}
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN CASE WHEN m IS NOT NULL THEN 'message' WHEN text IS NOT NULL THEN 'conversation' END
  AS linked;
