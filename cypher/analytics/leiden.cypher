// Find communities of high modularity; each community is connected.
// The result is the property `community` of the projection.
// Columns: bytes (the library's estimate of the memory), computed (false if that is more than
// `max_bytes`; nothing was computed then).
// There is always one row.
:param batch => {name: "context-1767225600000-sample", config: {concurrency: 1, mutateProperty: "community"}, max_bytes: 0}
CALL gds.leiden.mutate.estimate($batch.name, $batch.config) YIELD bytesMax
CALL (bytesMax) {
  WITH bytesMax WHERE bytesMax <= $batch.max_bytes
  CALL gds.leiden.mutate($batch.name, $batch.config) YIELD computeMillis
  RETURN count(*) AS runs
}
RETURN bytesMax AS bytes, runs > 0 AS computed;
