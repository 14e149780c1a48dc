// How much memory would the projection of a namespace's entities and their relationships take?
// Columns: nodes (entities), relationships (as they are stored), bytes (what the projection may need in the server's heap). Always one row.
// Plan: degrees are kept with the nodes; no relationship is read.
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
