// Which entities are mentioned in the same messages as this one?
// Columns: entity, type (strings), messages (how many messages mention both).
:param namespace => "default"
:param entity => "OrderValidator"
:param limit => 25
MATCH (a:Entity {namespace: $namespace, id: $entity})<-[:MENTIONS]-(m:Message)-[:MENTIONS]->(b:Entity)
WHERE b <> a
RETURN b.name AS entity, b.type AS type, count(DISTINCT m) AS messages
ORDER BY messages DESC, entity LIMIT $limit;
