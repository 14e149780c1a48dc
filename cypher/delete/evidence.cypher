// Read the decisions that messages are evidence of, and what remains without these messages.
// Columns: id, conversation_id, decision_type, context, outcome (strings), status ('accepted', 'proposed' or
// 'rejected'), is_context_lost (whether no remaining message has its context), evidence (list of
// maps id, role, content, timestamp_ms: the remaining messages, in order).
// Plan: a seek on each message; few have decisions. The decisions are locked before their status is
// read. One that was deleted meanwhile has no outcome.
:param batch => {namespace: "default", ids: ["conv-123:0"]}
UNWIND $batch.ids AS id
MATCH (:Message {namespace: $batch.namespace, id: id})<-[:EVIDENCED_BY]-(d:Decision)
WITH DISTINCT d ORDER BY d.id
REMOVE d.lock
WITH d
WHERE d.outcome IS NOT NULL
CALL (d) {
  OPTIONAL MATCH (d)-[:EVIDENCED_BY]->(m:Message)
  WHERE NOT m.id IN $batch.ids
  WITH m ORDER BY m.position
  RETURN collect(m {.id, .role, .content, .timestamp_ms}) AS evidence
}
RETURN d.id AS id, d.conversation_id AS conversation_id, d.decision_type AS decision_type,
  d.context AS context, d.outcome AS outcome, coalesce(d.status, 'accepted') AS status,
  none(m IN evidence WHERE m.content CONTAINS d.context) AS is_context_lost, evidence;
