// Save a decision under its conversation, which is created, empty, where it does not exist, and link it to the entities it is about.
// Columns: created, conversation_created (booleans), linked (entities it is about, integer).
:param namespace => "default"
:param conversation_id => "conv-123"
:param now => 1767225600000
:param id => "conv-123:decision:1"
:param conversation => {mode: "hybrid", project: "", tags: [], content: "", facets: ["1"]}
:param properties => {decision_type: "architecture", context: "Two designs", outcome: "The simple one", content: "Two designs. The simple one", kind: "decision"}
:param vector => null
:param entities => []
:param about => ["DataProcessor"]
CYPHER 25
MERGE (c:Conversation {namespace: $namespace, id: $conversation_id})
ON CREATE SET c += $conversation, c.revision = 0, c.created_ms = $now, c.updated_ms = $now, c.kind = 'conversation', c.fresh = true
WITH c, coalesce(c.fresh, false) AS conversation_created
REMOVE c.fresh
MERGE (d:Decision {namespace: $namespace, id: $id})
ON CREATE SET d.created_ms = $now, d.fresh = true
WITH c, d, conversation_created, coalesce(d.fresh, false) AS created
REMOVE d.fresh
SET d += $properties, d.updated_ms = $now, d.timestamp_ms = d.created_ms
MERGE (c)-[:HAS_DECISION]->(d)
WITH d, conversation_created, created
CALL (d) {
  WITH d WHERE $vector IS NOT NULL
  CALL db.create.setNodeVectorProperty(d, 'embedding', $vector)
}
CALL () {
  UNWIND $entities AS row
  MERGE (e:Entity {namespace: $namespace, id: row.id})
  ON CREATE SET e += row.properties, e.created_ms = $now, e.updated_ms = $now, e:$(row.label)
}
CALL (d) {
  UNWIND $about AS id
  MATCH (e:Entity {namespace: $namespace, id: id})
  MERGE (d)-[:ABOUT]->(e)
}
RETURN created, conversation_created, COUNT { (d)-[:ABOUT]->() } AS linked;
