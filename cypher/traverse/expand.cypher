// Read the relationships of several entities to entities of the same namespace, in both directions.
// Columns: source, target (ids, in the direction of the relationship), from (the id in `frontier`),
// to (the id at the other end), name, type, description (of the entity at the other end;
// description may be null), relationship_type (as it was created), confidence (0 to 1), evidence
// (string or null), sources (list of strings or null), has_more_sources (whether they are not all).
// Plan: one seek per entity of the frontier; at most `max_relationships` of each, the most
// confident first, which limits the work for an entity with very many. The parameter is one map,
// because the server plans a statement again for lists of other lengths.
:param batch => {namespace: "default", frontier: ["DataProcessor"], max_relationships: 100, limit: 500}
UNWIND $batch.frontier AS id
MATCH (a:Entity {namespace: $batch.namespace, id: id})
CALL (a) {
  MATCH (a)-[r:!MENTIONS&!ABOUT]-(b:Entity)
  WHERE b.namespace = $batch.namespace
  RETURN r, b ORDER BY r.confidence DESC, b.id LIMIT $batch.max_relationships
}
RETURN startNode(r).id AS source, endNode(r).id AS target, a.id AS from, b.id AS to,
  coalesce(b.name, b.id) AS name, coalesce(b.type, 'concept') AS type, b.description AS description,
  coalesce(r.name, type(r)) AS relationship_type, coalesce(r.confidence, 1.0) AS confidence,
  r.evidence AS evidence, r.sources AS sources, coalesce(r.capped, false) AS has_more_sources
LIMIT $batch.limit;
