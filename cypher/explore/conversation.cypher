// Show the messages of a conversation in their order.
// Columns: position (integer), author, text (strings), mentions (list of strings).
// Paste the whole script into Neo4j Browser or cypher-shell. Change the values in the line WITH.
WITH 'default' AS namespace, 'orders-pipeline-kickoff' AS id
MATCH (c:Conversation {namespace: namespace, id: id})-[:HAS_MESSAGE]->(m:Message)
OPTIONAL MATCH (m)-[:MENTIONS]->(e:Entity)
WITH m, collect(e.name) AS mentions
RETURN m.position AS position, coalesce(m.name, m.role) AS author, m.content AS text, mentions
ORDER BY position;
