// The entities and how they are related, as a picture. Open it in Neo4j Browser.
// Columns: p (path). The most confident relationships come first.
:param namespace => "default"
:param limit => 100
MATCH (a:Entity {namespace: $namespace}) WHERE a.id IS NOT NULL
MATCH p = (a)-[r]->(:Entity)
RETURN p ORDER BY r.confidence DESC LIMIT $limit;
