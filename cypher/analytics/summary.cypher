// Measure an undirected projection: components, clustering and degrees.
// Columns: components, largest_component, triangles (integers), clustering (average local
// clustering coefficient, 0 to 1), degrees (list of maps: degree, entities). There is always one
// row.
:param batch => {name: "context-1767225600000-sample", concurrency: 4}
CALL gds.wcc.stats($batch.name, {concurrency: $batch.concurrency, logProgress: false})
  YIELD componentCount, componentDistribution
CALL gds.localClusteringCoefficient.stats($batch.name, {
  concurrency: $batch.concurrency, logProgress: false
})
  YIELD averageClusteringCoefficient
CALL gds.triangleCount.stats($batch.name, {concurrency: $batch.concurrency, logProgress: false})
  YIELD globalTriangleCount
CALL () {
  CALL gds.degree.stream($batch.name, {concurrency: $batch.concurrency, logProgress: false})
    YIELD score
  WITH toInteger(score) AS degree, count(*) AS entities ORDER BY degree
  RETURN collect({degree: degree, entities: entities}) AS degrees
}
RETURN componentCount AS components, componentDistribution.max AS largest_component,
  globalTriangleCount AS triangles, averageClusteringCoefficient AS clustering, degrees;
