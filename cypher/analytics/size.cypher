// Estimate the memory for the projection of a namespace's entities and their relationships.
// Columns: nodes (entities), relationships (as they are stored), bytes (of the server's heap).
// There is always one row.
// Plan: the degree is stored with the node; no relationship is read.
:param batch => {namespace: "default", orientation: "UNDIRECTED", properties: ["weight"]}
CALL () {
  MATCH (e:Entity {namespace: $batch.namespace})
  WHERE e.id IS NOT NULL
  RETURN count(e) AS nodes, sum(COUNT { (e)-->() }) AS relationships
}
CALL gds.graph.project.estimate(
  '*', {r: {type: '*', orientation: $batch.orientation, properties: $batch.properties}},
  {nodeCount: nodes, relationshipCount: relationships, readConcurrency: 1}
) YIELD bytesMax
RETURN nodes, relationships, bytesMax AS bytes;
