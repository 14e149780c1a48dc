// The communities that an algorithm has left as the property `community` of a projection.
// Columns: size (entities in it), entities (list of maps: id, name, type, inside (relationships to others of the same community); those
// with the most of them first). The largest community comes first.
// Plan: the pairs are compared inside the projection; no relationship of the store is read.
:param batch => {name: "context-1767225600000-sample", members: 1000, min_size: 2, limit: 500}
CALL () {
  CALL gds.graph.nodeProperty.stream($batch.name, 'community') YIELD nodeId
  RETURN nodeId, 0 AS inside
  UNION ALL
  CALL gds.graph.relationships.stream($batch.name) YIELD sourceNodeId, targetNodeId
  WITH sourceNodeId, targetNodeId
  WHERE sourceNodeId <> targetNodeId
    AND gds.util.nodeProperty($batch.name, sourceNodeId, 'community') = gds.util.nodeProperty($batch.name, targetNodeId, 'community')
  RETURN sourceNodeId AS nodeId, 1 AS inside
}
WITH nodeId, sum(inside) AS inside
WITH gds.util.nodeProperty($batch.name, nodeId, 'community') AS community, gds.util.asNode(nodeId) AS e, inside
ORDER BY inside DESC, e.id
WITH community, count(*) AS size, collect(e {.id, .name, .type, inside: inside})[..$batch.members] AS entities
WHERE size >= $batch.min_size
RETURN size, entities
ORDER BY size DESC, entities[0].id
LIMIT $batch.limit;
