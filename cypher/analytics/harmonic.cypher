// Which entities are near to all others, where the unreachable ones count as infinitely far?
// Columns: id, name, type (strings), score (as the algorithm gives it), total (of all scores, from which shares are made), bytes (that the
// algorithm may need). `id` is null, in the only row, when that is more than `most_bytes` and nothing was computed.
:param batch => {name: "context-1767225600000-sample", config: {concurrency: 4}, most_bytes: 0, limit: 10}
CALL gds.closeness.harmonic.stream.estimate($batch.name, $batch.config) YIELD bytesMax
OPTIONAL CALL (bytesMax) {
  WITH bytesMax WHERE bytesMax <= $batch.most_bytes
  CALL gds.closeness.harmonic.stream($batch.name, $batch.config) YIELD nodeId, score
  WITH nodeId, score
  ORDER BY round(score, 9) DESC, nodeId
  WITH collect({nodeId: nodeId, score: score}) AS ranked, sum(score) AS total
  UNWIND ranked[..$batch.limit] AS one
  RETURN gds.util.asNode(one.nodeId) AS e, one.score AS score, total
}
RETURN e.id AS id, e.name AS name, e.type AS type, score, total, bytesMax AS bytes;
