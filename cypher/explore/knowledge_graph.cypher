// Show the entities of a namespace and their relationships as a graph, the most confident
// relationships first.
// Columns: p (path).
// Paste the whole script into Neo4j Browser. Change the value in the line WITH and the number after
// LIMIT.
WITH 'default' AS namespace
MATCH (a:Entity {namespace: namespace}) WHERE a.id IS NOT NULL
MATCH p = (a)-[r]->(:Entity)
RETURN p ORDER BY r.confidence DESC LIMIT 100;
