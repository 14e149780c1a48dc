// Count the nodes of a namespace by label.
// Columns: label (string), nodes (integer).
// Paste the whole script into Neo4j Browser or cypher-shell. Change the value in the line WITH.
WITH 'default' AS namespace
CALL (namespace) {
  MATCH (n:Conversation {namespace: namespace}) WHERE n.id IS NOT NULL
  RETURN 'Conversation' AS label, count(n) AS nodes
  UNION ALL
  MATCH (n:Message {namespace: namespace}) WHERE n.id IS NOT NULL
  RETURN 'Message' AS label, count(n) AS nodes
  UNION ALL
  MATCH (n:Chunk {namespace: namespace}) WHERE n.id IS NOT NULL
  RETURN 'Chunk' AS label, count(n) AS nodes
  UNION ALL
  MATCH (n:Entity {namespace: namespace}) WHERE n.id IS NOT NULL
  RETURN 'Entity' AS label, count(n) AS nodes
  UNION ALL
  MATCH (n:Document {namespace: namespace}) WHERE n.id IS NOT NULL
  RETURN 'Document' AS label, count(n) AS nodes
  UNION ALL
  MATCH (n:Decision {namespace: namespace}) WHERE n.id IS NOT NULL
  RETURN 'Decision' AS label, count(n) AS nodes
  UNION ALL
  MATCH (n:Instruction {namespace: namespace}) WHERE n.id IS NOT NULL
  RETURN 'Instruction' AS label, count(n) AS nodes
}
RETURN label, nodes ORDER BY nodes DESC;
