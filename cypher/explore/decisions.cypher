// Show the decisions of a namespace, latest first.
// Columns: decided (datetime), type, outcome, conversation (strings), about (list of strings),
// status (accepted, or proposed if it was found in a text).
// Paste the whole script into Neo4j Browser or cypher-shell. Change the value in the line WITH and
// the number after LIMIT.
WITH 'default' AS namespace
MATCH (d:Decision {namespace: namespace})
WHERE d.id IS NOT NULL AND coalesce(d.status, 'accepted') <> 'rejected'
OPTIONAL MATCH (d)-[:ABOUT]->(e:Entity)
RETURN datetime({epochMillis: d.created_ms}) AS decided, d.decision_type AS type,
  d.outcome AS outcome, d.conversation_id AS conversation, collect(e.name) AS about,
  coalesce(d.status, 'accepted') AS status
ORDER BY decided DESC LIMIT 50;
