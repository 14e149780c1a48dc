// One step outwards from a set of entities, over relationships between entities of the same namespace in both directions.
// Columns: source, target (ids, as the relationship points), from (the frontier's id), to (id reached), name, type (of the entity reached),
// relationship_type (as given), confidence (0 to 1), evidence (string or null), description.
// Plan: one seek per frontier node; at most `fan` relationships each, the most confident first, so that a supernode stays cheap.
:param namespace => "default"
:param frontier => ["DataProcessor"]
:param fan => 100
:param limit => 500
UNWIND $frontier AS id
MATCH (a:Entity {namespace: $namespace, id: id})
CALL (a) {
  MATCH (a)-[r:!MENTIONS&!ABOUT]-(b:Entity)
  WHERE b.namespace = $namespace
  RETURN r, b ORDER BY r.confidence DESC, b.id LIMIT $fan
}
RETURN startNode(r).id AS source, endNode(r).id AS target, a.id AS from, b.id AS to, b.name AS name, b.type AS type,
  b.description AS description, r.name AS relationship_type, r.confidence AS confidence, r.evidence AS evidence, r.sources AS sources
LIMIT $limit;
