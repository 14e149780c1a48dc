// Find the k cheapest paths between two entities that contain no entity twice (Yen's algorithm).
// Columns: cost (of the path), nodes (list of ids), steps (list of maps: source, target (in the
// direction of the relationship), type (as it was created), confidence).
// Plan: the algorithm returns entities only; for each pair of a path the most confident
// relationship between the two is read.
:param batch => {namespace: "default", source: "DataProcessor", target: "pandas", name: "context-1767225600000-sample", config: {k: 3, concurrency: 4, relationshipWeightProperty: "weight"}, undirected: true}
MATCH (a:Entity {namespace: $batch.namespace, id: $batch.source})
MATCH (b:Entity {namespace: $batch.namespace, id: $batch.target})
CALL gds.shortestPath.yens.stream($batch.name, {
  sourceNode: a, targetNode: b, k: $batch.config.k,
  concurrency: $batch.config.concurrency, logProgress: false,
  relationshipWeightProperty: $batch.config.relationshipWeightProperty
}) YIELD index, totalCost, nodeIds
WITH index, totalCost, [id IN nodeIds | gds.util.asNode(id)] AS nodes
CALL (nodes) {
  UNWIND range(0, size(nodes) - 2) AS position
  MATCH (from:Entity {namespace: $batch.namespace, id: nodes[position].id})
  MATCH (to:Entity {namespace: $batch.namespace, id: nodes[position + 1].id})
  MATCH (from)-[r]-(to)
  WHERE $batch.undirected OR startNode(r) = from
  WITH position, r ORDER BY coalesce(r.confidence, 1.0) DESC, type(r)
  WITH position, collect(r)[0] AS r ORDER BY position
  RETURN collect({
    source: startNode(r).id, target: endNode(r).id, type: coalesce(r.name, type(r)),
    confidence: coalesce(r.confidence, 1.0)
  }) AS steps
}
RETURN totalCost AS cost, [n IN nodes | n.id] AS nodes, steps
ORDER BY cost, index;
