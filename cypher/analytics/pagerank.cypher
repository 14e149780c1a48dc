// Score entities by how often a random walk along the relationships visits them.
// Columns: id, name, type (strings), score (as the algorithm returns it), total (sum of all
// scores), bytes (the library's estimate of the memory). If that is more than `max_bytes`, nothing
// is computed, and the only row has no `id`.
:param batch => {name: "context-1767225600000-sample", config: {concurrency: 4}, max_bytes: 0, limit: 10}
CALL gds.pageRank.stream.estimate($batch.name, $batch.config) YIELD bytesMax
OPTIONAL CALL (bytesMax) {
  WITH bytesMax WHERE bytesMax <= $batch.max_bytes
  CALL gds.pageRank.stream($batch.name, $batch.config) YIELD nodeId, score
  WITH nodeId, score
  ORDER BY round(score, 9) DESC, nodeId
  WITH collect({nodeId: nodeId, score: score}) AS ranked, sum(score) AS total
  UNWIND ranked[..$batch.limit] AS entity
  RETURN gds.util.asNode(entity.nodeId) AS e, entity.score AS score, total
}
RETURN e.id AS id, e.name AS name, e.type AS type, score, total, bytesMax AS bytes;
