// Read the communities that an algorithm stored as the property `community` of a projection, the
// largest community first.
// Columns: size (number of entities), ids, names, types, internal_degrees (lists with one value per
// entity; the internal degree is the number of relationships to entities of the same community; the
// entities with the highest one come first).
// Plan: the pairs are compared inside the projection, each of them once; no stored relationship is
// read.
:param batch => {name: "context-1767225600000-sample", max_members: 1000, min_size: 2, limit: 500}
CALL () {
  CALL gds.graph.nodeProperty.stream($batch.name, 'community') YIELD nodeId
  RETURN nodeId, 0 AS internal
  UNION ALL
  CALL gds.graph.relationships.stream($batch.name) YIELD sourceNodeId, targetNodeId
  WITH sourceNodeId, targetNodeId
  WHERE sourceNodeId < targetNodeId
    AND gds.util.nodeProperty($batch.name, sourceNodeId, 'community')
      = gds.util.nodeProperty($batch.name, targetNodeId, 'community')
  UNWIND [sourceNodeId, targetNodeId] AS nodeId
  RETURN nodeId, 1 AS internal
}
WITH nodeId, sum(internal) AS internal_degree
ORDER BY internal_degree DESC, nodeId
WITH gds.util.nodeProperty($batch.name, nodeId, 'community') AS community,
  gds.util.asNode(nodeId) AS e, internal_degree
WITH community, count(*) AS size, collect(e)[..$batch.max_members] AS members,
  collect(internal_degree)[..$batch.max_members] AS internal_degrees
WHERE size >= $batch.min_size
WITH size, members, internal_degrees
ORDER BY size DESC, members[0].id
LIMIT $batch.limit
RETURN size, [e IN members | e.id] AS ids, [e IN members | coalesce(e.name, e.id)] AS names,
  [e IN members | coalesce(e.type, 'concept')] AS types, internal_degrees;
