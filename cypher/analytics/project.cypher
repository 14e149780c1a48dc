// Make a named projection of a namespace's entities and their relationships, for the algorithms of Graph Data Science.
// Columns: nodes (entities), relationships (as they are stored), bytes (what the projection may need in the server's heap), made (false:
// there are no entities, or that is more than `most_bytes`, and nothing was projected). Always one row.
// Plan: the size is known from the degrees, before anything is projected. Relationships of several types between the same two
// entities are one. Its `weight` is the greatest confidence, or with `costs` -ln of it, so that the cheapest path is the one with the
// greatest product of confidences. An undirected projection has one relationship for both directions.
:param batch => {namespace: "default", name: "context-1767225600000-sample", undirected: true, costs: false, most_bytes: 0}
CALL () {
  MATCH (e:Entity {namespace: $batch.namespace})
  WHERE e.id IS NOT NULL
  RETURN count(e) AS nodes, sum(COUNT { (e)-->() }) AS relationships
}
CALL gds.graph.project.estimate('*', {r: {type: '*', properties: ['weight']}}, {nodeCount: nodes, relationshipCount: relationships})
YIELD bytesMax
CALL (bytesMax, nodes) {
  WITH *
  WHERE nodes > 0 AND bytesMax <= $batch.most_bytes
  MATCH (e:Entity {namespace: $batch.namespace})
  WHERE e.id IS NOT NULL
  OPTIONAL MATCH (e)-[r]->(other:Entity {namespace: $batch.namespace})
  WITH r, e, other, $batch.undirected AND other IS NOT NULL AND e.id > other.id AS turned
  WITH CASE WHEN turned THEN other ELSE e END AS source, CASE WHEN turned THEN e ELSE other END AS target,
    max(coalesce(r.confidence, 1.0)) AS weight
  WITH source, target, CASE WHEN $batch.costs THEN -log(CASE WHEN weight > 1e-9 THEN weight ELSE 1e-9 END) ELSE weight END AS weight
  WITH gds.graph.project(
    $batch.name, source, target,
    {relationshipProperties: CASE WHEN target IS NOT NULL THEN {weight: weight} END},
    {undirectedRelationshipTypes: CASE WHEN $batch.undirected THEN ['*'] ELSE [] END}
  ) AS projected
  RETURN count(projected) AS made
}
RETURN nodes, relationships, bytesMax AS bytes, made > 0 AS made;
