// One step outwards from a set of entities, over relationships between entities of the same namespace in both directions.
// Columns: source, target (ids, as the relationship points), from (the frontier's id), to (id reached), name, type (of the entity reached),
// relationship_type (as given), confidence (0 to 1), evidence (string or null), description.
// Plan: one seek per frontier node; at most `fan` relationships each, the most confident first, so that a supernode stays cheap.
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", frontier: ["DataProcessor"], fan: 100, limit: 500}
UNWIND $batch.frontier AS id
MATCH (a:Entity {namespace: $batch.namespace, id: id})
CALL (a) {
  MATCH (a)-[r:!MENTIONS&!ABOUT]-(b:Entity)
  WHERE b.namespace = $batch.namespace
  RETURN r, b ORDER BY r.confidence DESC, b.id LIMIT $batch.fan
}
RETURN startNode(r).id AS source, endNode(r).id AS target, a.id AS from, b.id AS to, coalesce(b.name, b.id) AS name, coalesce(b.type, 'concept') AS type,
  b.description AS description, coalesce(r.name, type(r)) AS relationship_type, coalesce(r.confidence, 1.0) AS confidence, r.evidence AS evidence, r.sources AS sources
LIMIT $batch.limit;
