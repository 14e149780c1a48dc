// Make a named projection of a namespace's entities and their relationships, for the algorithms of Graph Data Science.
// Columns: nodes (projected entities). One row; none, and no projection, when there are no entities.
// Relationships of an entity to itself are left out.
// Plan: relationships of several types between the same two entities are one; they are joined entity by entity, which costs a third of
// sorting all pairs. The `weight` is the greatest confidence, or with `costs` -ln of it, so that the cheapest path is the one with the
// greatest product of confidences. An undirected projection (`types` is ['*'] then, else empty) has one relationship for both directions.
:param batch => {namespace: "default", name: "context-1767225600000-sample", undirected: true, types: ["*"], costs: false}
MATCH (source:Entity {namespace: $batch.namespace})
WHERE source.id IS NOT NULL
OPTIONAL CALL (source) {
  MATCH (source)-[r]-(target:Entity {namespace: $batch.namespace})
  WHERE CASE WHEN $batch.undirected THEN id(source) < id(target) ELSE startNode(r) = source AND source <> target END
  RETURN target, max(coalesce(r.confidence, 1.0)) AS weight
}
WITH gds.graph.project(
  $batch.name, source, target,
  {
    relationshipProperties: CASE
      WHEN target IS NULL THEN null
      WHEN $batch.costs THEN {weight: -log(CASE WHEN weight > 1e-9 THEN weight ELSE 1e-9 END)}
      ELSE {weight: weight}
    END
  },
  {undirectedRelationshipTypes: $batch.types}
) AS projected
WITH projected
WHERE projected IS NOT NULL
RETURN projected.nodeCount AS nodes;
