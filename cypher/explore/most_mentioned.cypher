// What is talked about most?
// Columns: entity, type (strings), messages (how many mention it), conversations (in how many conversations).
:param namespace => "default"
:param limit => 25
MATCH (e:Entity {namespace: $namespace}) WHERE e.id IS NOT NULL
MATCH (e)<-[:MENTIONS]-(m:Message)
RETURN e.name AS entity, e.type AS type, count(m) AS messages, count(DISTINCT m.conversation_id) AS conversations
ORDER BY messages DESC, entity LIMIT $limit;
