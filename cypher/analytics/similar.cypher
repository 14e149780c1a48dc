// Which entities have the same neighbours? The overlap of their neighbourhoods: what both have, divided by what either has (Jaccard).
// Columns: id, name, type (of the first), other_id, other_name, other_type, similarity (0 to 1), bytes (that the algorithm may need). `id` is
// null, in the only row, when that is more than `most_bytes` and nothing was computed.
// Only entities with `least` neighbours are compared; of each the `top` most similar ones are looked at.
// Plan: with an entity only the pairs that begin with it are compared.
:param batch => {namespace: "default", entity_id: "DataProcessor", name: "context-1767225600000-sample", concurrency: 4, cutoff: 0.0, least: 1, top: 10, most_bytes: 0, limit: 10}
OPTIONAL MATCH (start:Entity {namespace: $batch.namespace, id: $batch.entity_id})
WITH start, {concurrency: $batch.concurrency, logProgress: false, similarityCutoff: $batch.cutoff, degreeCutoff: $batch.least, topK: $batch.top} AS config
CALL gds.nodeSimilarity.stream.estimate($batch.name, config) YIELD bytesMax
OPTIONAL CALL (start, config, bytesMax) {
  WITH start, config, bytesMax
  WHERE bytesMax <= $batch.most_bytes AND $batch.entity_id IS NULL
  CALL gds.nodeSimilarity.stream($batch.name, config) YIELD node1, node2, similarity
  WITH gds.util.asNode(node1) AS a, gds.util.asNode(node2) AS b, similarity
  WITH CASE WHEN a.id < b.id THEN a ELSE b END AS a, CASE WHEN a.id < b.id THEN b ELSE a END AS b, similarity
  WHERE similarity > 0
  RETURN DISTINCT a, b, similarity
  UNION ALL
  WITH start, config, bytesMax
  WHERE bytesMax <= $batch.most_bytes AND start IS NOT NULL
  CALL gds.nodeSimilarity.filtered.stream($batch.name, {
    concurrency: $batch.concurrency, logProgress: false, similarityCutoff: $batch.cutoff, degreeCutoff: $batch.least, topK: $batch.top, sourceNodeFilter: start
  }) YIELD node1, node2, similarity
  WITH node1, node2, similarity
  WHERE similarity > 0
  RETURN gds.util.asNode(node1) AS a, gds.util.asNode(node2) AS b, similarity
}
RETURN a.id AS id, a.name AS name, a.type AS type, b.id AS other_id, b.name AS other_name, b.type AS other_type, similarity, bytesMax AS bytes
ORDER BY similarity DESC, id, other_id
LIMIT $batch.limit;
