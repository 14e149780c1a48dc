// The communities that an algorithm has left as the property `community` of a projection.
// Columns: size (entities in it), ids, names, types, inside (lists of one value per entity; `inside`: relationships to others of the same
// community; those with the most of them first). The largest community comes first.
// Plan: the pairs are compared inside the projection, each once; no relationship of the store is read.
:param batch => {name: "context-1767225600000-sample", members: 1000, min_size: 2, limit: 500}
CALL () {
  CALL gds.graph.nodeProperty.stream($batch.name, 'community') YIELD nodeId
  RETURN nodeId, 0 AS inside
  UNION ALL
  CALL gds.graph.relationships.stream($batch.name) YIELD sourceNodeId, targetNodeId
  WITH sourceNodeId, targetNodeId
  WHERE sourceNodeId < targetNodeId
    AND gds.util.nodeProperty($batch.name, sourceNodeId, 'community') = gds.util.nodeProperty($batch.name, targetNodeId, 'community')
  UNWIND [sourceNodeId, targetNodeId] AS nodeId
  RETURN nodeId, 1 AS inside
}
WITH nodeId, sum(inside) AS inside
ORDER BY inside DESC, nodeId
WITH gds.util.nodeProperty($batch.name, nodeId, 'community') AS community, gds.util.asNode(nodeId) AS e, inside
WITH community, count(*) AS size, collect(e)[..$batch.members] AS members, collect(inside)[..$batch.members] AS inside
WHERE size >= $batch.min_size
WITH size, members, inside
ORDER BY size DESC, members[0].id
LIMIT $batch.limit
RETURN size, [e IN members | e.id] AS ids, [e IN members | coalesce(e.name, e.id)] AS names,
  [e IN members | coalesce(e.type, 'concept')] AS types, inside;
