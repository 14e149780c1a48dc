// Show the entities that are mentioned in the same messages as one entity.
// Columns: entity, type (strings), messages (how many messages mention both).
// Paste the whole script into Neo4j Browser or cypher-shell. Change the values in the line WITH and
// the number after LIMIT.
WITH 'default' AS namespace, 'OrderValidator' AS id
MATCH (a:Entity {namespace: namespace, id: id})<-[:MENTIONS]-(m:Message)-[:MENTIONS]->(b:Entity)
WHERE b <> a
RETURN b.name AS entity, b.type AS type, count(DISTINCT m) AS messages
ORDER BY messages DESC, entity LIMIT 25;
