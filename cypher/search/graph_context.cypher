// Read what the graph says about texts of a prompt context: what they mention, and where decisions
// come from.
// Columns: kind (message, decision or document), id, entities (ids, the most confident first, at
// most `entities`), position and timestamp_ms of the last message of a decision's conversation that
// supports it, else null. One row for each that still exists.
// Plan: one seek per text; an entity's own relationships are never followed.
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", messages: ["conv-123:0"], decisions: ["conv-123:decision:1"], chunks: ["manual:0"], entities: 20}
UNWIND $batch.messages AS id
MATCH (m:Message {namespace: $batch.namespace, id: id})
RETURN 'message' AS kind, id,
  COLLECT {
    MATCH (m)-[r:MENTIONS]->(e:Entity)
    RETURN e.id ORDER BY r.confidence DESC, e.id LIMIT $batch.entities
  } AS entities,
  null AS position, null AS timestamp_ms
UNION ALL
UNWIND $batch.chunks AS id
MATCH (c:Chunk {namespace: $batch.namespace, id: id})
RETURN 'document' AS kind, id,
  COLLECT {
    MATCH (c)-[r:MENTIONS]->(e:Entity)
    RETURN e.id ORDER BY r.confidence DESC, e.id LIMIT $batch.entities
  } AS entities,
  null AS position, null AS timestamp_ms
UNION ALL
UNWIND $batch.decisions AS id
MATCH (d:Decision {namespace: $batch.namespace, id: id})
CALL (d) {
  MATCH (d)-[:EVIDENCED_BY]->(m:Message)
  WHERE m.conversation_id = d.conversation_id
  RETURN collect({position: m.position, timestamp_ms: m.timestamp_ms}) AS evidence, max(m.position) AS position
}
RETURN 'decision' AS kind, id,
  COLLECT { MATCH (d)-[:ABOUT]->(e:Entity) RETURN e.id ORDER BY e.id LIMIT $batch.entities } AS entities,
  position, head([message IN evidence WHERE message.position = position | message.timestamp_ms]) AS timestamp_ms;
