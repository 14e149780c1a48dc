// What is in a namespace? One row per kind of node.
// Columns: label (string), nodes (integer).
:param namespace => "default"
CALL () { MATCH (n:Conversation {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN 'Conversation' AS label, count(n) AS nodes
UNION ALL MATCH (n:Message {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN 'Message' AS label, count(n) AS nodes
UNION ALL MATCH (n:Chunk {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN 'Chunk' AS label, count(n) AS nodes
UNION ALL MATCH (n:Entity {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN 'Entity' AS label, count(n) AS nodes
UNION ALL MATCH (n:Document {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN 'Document' AS label, count(n) AS nodes
UNION ALL MATCH (n:Decision {namespace: $namespace}) WHERE n.id IS NOT NULL RETURN 'Decision' AS label, count(n) AS nodes }
RETURN label, nodes ORDER BY nodes DESC;
