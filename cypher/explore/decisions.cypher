// What was decided, when, in which conversation, and about what?
// Columns: decided (datetime), type, outcome, conversation (strings), about (list of strings), status (accepted, or proposed: found in a text).
:param namespace => "default"
:param limit => 50
MATCH (d:Decision {namespace: $namespace}) WHERE d.id IS NOT NULL AND coalesce(d.status, 'accepted') <> 'rejected'
OPTIONAL MATCH (d)-[:ABOUT]->(e:Entity)
RETURN datetime({epochMillis: d.created_ms}) AS decided, d.decision_type AS type, d.outcome AS outcome,
  d.conversation_id AS conversation, collect(e.name) AS about, coalesce(d.status, 'accepted') AS status
ORDER BY decided DESC LIMIT $limit;
