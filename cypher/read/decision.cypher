// Read a decision, whatever its status.
// Columns: decision (map), evidence (list of message ids in order), entity_ids (list of strings). No
// row: the decision does not exist.
// Plan: one seek.
:param batch => {namespace: "default", id: "decision:1"}
MATCH (d:Decision {namespace: $batch.namespace, id: $batch.id})
RETURN d {.id, .conversation_id, .decision_type, .context, .outcome, .stated_confidence, .created_ms, .status} AS decision,
  COLLECT { MATCH (d)-[:EVIDENCED_BY]->(m:Message) RETURN m.id ORDER BY m.position } AS evidence,
  COLLECT { MATCH (d)-[:ABOUT]->(e:Entity) RETURN e.id ORDER BY e.id } AS entity_ids;
