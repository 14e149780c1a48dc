// Show the entities that most messages mention.
// Columns: entity, type (strings), messages (how many mention it), conversations (in how many
// conversations).
// Paste the whole script into Neo4j Browser or cypher-shell. Change the value in the line WITH and
// the number after LIMIT.
WITH 'default' AS namespace
MATCH (e:Entity {namespace: namespace}) WHERE e.id IS NOT NULL
MATCH (e)<-[:MENTIONS]-(m:Message)
RETURN e.name AS entity, e.type AS type, count(m) AS messages,
  count(DISTINCT m.conversation_id) AS conversations
ORDER BY messages DESC, entity LIMIT 25;
