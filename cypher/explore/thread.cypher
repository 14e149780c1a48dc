// A conversation as it was held, message after message.
// Columns: position (integer), who (string), said (string), mentions (list of strings).
:param namespace => "default"
:param conversation => "orders-pipeline-kickoff"
MATCH (c:Conversation {namespace: $namespace, id: $conversation})-[:HAS_MESSAGE]->(m:Message)
OPTIONAL MATCH (m)-[:MENTIONS]->(e:Entity)
WITH m, collect(e.name) AS mentions
RETURN m.position AS position, coalesce(m.name, m.role) AS who, m.content AS said, mentions
ORDER BY position;
