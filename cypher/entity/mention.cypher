// Store what was found in a text outside a conversation's own saving: entities, relationships, and mentions by a message or conversation.
// Columns: linked ('message', 'conversation' or null: what the entities hang on now).
// Plan: entities come sorted by id, so that concurrent writers take their locks in one order.
// Everything comes in one map: the planner then sees one kind of parameter, where lists of other lengths would be planned anew.
:param batch => {namespace: "default", now: 1767225600000, conversation_id: "conv-123", message_id: null, entities: [], mentions: [{id: "DataProcessor", properties: {start: 4, end: 17, count: 1, confidence: 0.9, extractor: "rule"}}], relations: [], evidence: 50}
CALL () {
  UNWIND $batch.entities AS row
  MERGE (e:Entity {namespace: $batch.namespace, id: row.id})
  ON CREATE SET e += row.properties, e.created_ms = $batch.now, e.updated_ms = $batch.now, e:$(row.label)
  WITH e, row
  CALL (e, row) {
    WITH e, row WHERE row.vector IS NOT NULL AND e.embedding IS NULL
    CALL db.create.setNodeVectorProperty(e, 'embedding', row.vector)
  }
}
CALL () {
  UNWIND $batch.relations AS row
  MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
  MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
  MERGE (a)-[r:$(row.type)]->(b)
  ON CREATE SET r += row.properties, r.created_ms = $batch.now, r.sources = []
  SET r.updated_ms = $batch.now
  WITH r, row, coalesce(r.sources, []) + [id IN row.sources WHERE NOT id IN coalesce(r.sources, [])] AS sources
  SET r.sources = sources[..$batch.evidence], r.capped = CASE WHEN size(sources) > $batch.evidence THEN true ELSE r.capped END
}
OPTIONAL MATCH (m:Message {namespace: $batch.namespace, id: $batch.message_id})
OPTIONAL MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
WITH coalesce(m, c) AS place, m
CALL (place) {
  WITH place WHERE place IS NOT NULL
  UNWIND $batch.mentions AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
  MERGE (place)-[r:MENTIONS]->(e)
  SET r += row.properties
  WITH place, collect(DISTINCT e.type_facet) AS types
  SET place.mentioned = [f IN coalesce(place.mentioned, []) WHERE NOT f IN types] + types,
    place.facets = [f IN place.facets WHERE NOT f IN types] + types
}
RETURN CASE WHEN m IS NOT NULL THEN 'message' WHEN place IS NOT NULL THEN 'conversation' END AS linked;
