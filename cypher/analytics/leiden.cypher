// Which entities belong together, by modularity, in communities that are connected? The answer becomes the property `community` of the projection.
// Columns: bytes (that the algorithm may need), done (false: that is more than `most_bytes`, and nothing was computed). Always one row.
:param batch => {name: "context-1767225600000-sample", config: {concurrency: 1, mutateProperty: "community"}, most_bytes: 0}
CALL gds.leiden.mutate.estimate($batch.name, $batch.config) YIELD bytesMax
CALL (bytesMax) {
  WITH bytesMax WHERE bytesMax <= $batch.most_bytes
  CALL gds.leiden.mutate($batch.name, $batch.config) YIELD computeMillis
  RETURN count(*) AS done
}
RETURN bytesMax AS bytes, done > 0 AS done;
