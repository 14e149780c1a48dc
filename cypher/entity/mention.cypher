// Hang entities that were found in a text on a message, or else on a conversation, where that exists.
// Columns: linked ('message', 'conversation' or null: what the entities hang on now).
// Everything comes in one map: the planner then sees one kind of parameter, where lists of other lengths would be planned anew.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", conversation_id: "conv-123", message_id: null, mentions: [{id: "DataProcessor", properties: {start: 4, end: 17, count: 1, confidence: 0.9, extractor: "rule"}}]}
OPTIONAL MATCH (m:Message {namespace: $batch.namespace, id: $batch.message_id})
OPTIONAL MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
WITH coalesce(m, c) AS place, m
CALL (place) {
  WITH place WHERE place IS NOT NULL
  UNWIND $batch.mentions AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
  MERGE (place)-[r:MENTIONS]->(e)
  SET r += row.properties, r.parts = row.properties.parts
  WITH place, collect(DISTINCT e.type_facet) AS types
  SET place.mentioned = [f IN coalesce(place.mentioned, []) WHERE NOT f IN types] + types,
    place.facets = [f IN place.facets WHERE NOT f IN types] + types
}
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN CASE WHEN m IS NOT NULL THEN 'message' WHEN place IS NOT NULL THEN 'conversation' END AS linked;
