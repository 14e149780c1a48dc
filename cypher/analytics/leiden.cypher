// Find communities of high modularity; each community is connected. Without relationships, where the
// algorithm fails, each entity is a community.
// The result is the property `community` of the projection.
// Columns: bytes (the library's estimate of the memory), computed (false if that is more than
// `max_bytes`; nothing was computed then).
// There is always one row.
:param batch => {name: "context-1767225600000-sample", config: {concurrency: 1, mutateProperty: "community"}, max_bytes: 0}
CALL gds.leiden.mutate.estimate($batch.name, $batch.config) YIELD bytesMax
CALL gds.graph.list($batch.name) YIELD relationshipCount
CALL (bytesMax, relationshipCount) {
  WITH bytesMax WHERE bytesMax <= $batch.max_bytes AND relationshipCount = 0
  CALL gds.wcc.mutate($batch.name, {
    mutateProperty: $batch.config.mutateProperty, concurrency: 1, logProgress: false
  }) YIELD computeMillis
  RETURN count(*) AS runs
  UNION ALL
  WITH bytesMax WHERE bytesMax <= $batch.max_bytes AND relationshipCount > 0
  CALL gds.leiden.mutate($batch.name, $batch.config) YIELD computeMillis
  RETURN count(*) AS runs
}
RETURN bytesMax AS bytes, sum(runs) > 0 AS computed;
