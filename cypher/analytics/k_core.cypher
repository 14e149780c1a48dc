// How deep in the core of the graph is each entity? The core of k keeps only entities with k relationships inside it. The answer becomes the property `community` of the projection.
// Columns: bytes (that the algorithm may need), done (false: that is more than `most_bytes`, and nothing was computed). Always one row.
:param batch => {name: "context-1767225600000-sample", config: {concurrency: 1, mutateProperty: "community"}, most_bytes: 0}
CALL gds.kcore.mutate.estimate($batch.name, $batch.config) YIELD bytesMax
CALL (bytesMax) {
  WITH bytesMax WHERE bytesMax <= $batch.most_bytes
  CALL gds.kcore.mutate($batch.name, $batch.config) YIELD computeMillis
  RETURN count(*) AS done
}
RETURN bytesMax AS bytes, done > 0 AS done;
