// Find entities that share neighbors. The similarity is the number of shared neighbors divided by
// the number of neighbors of either (Jaccard).
// Columns: id, name, type (of the first entity), other_id, other_name, other_type, similarity (0 to
// 1), bytes (the library's estimate of the memory). If that is more than `max_bytes`, nothing is
// computed, and the only row has no `id`.
// Only entities with at least `min_neighbors` neighbors are compared; for each of them the
// `per_entity` most similar ones are kept.
// Plan: with an `entity_id` only the pairs that start with this entity are compared.
:param batch => {namespace: "default", entity_id: "DataProcessor", name: "context-1767225600000-sample", concurrency: 4, min_similarity: 0.0, min_neighbors: 1, per_entity: 10, max_bytes: 0, limit: 10}
OPTIONAL MATCH (start:Entity {namespace: $batch.namespace, id: $batch.entity_id})
WITH start, {
  concurrency: $batch.concurrency, logProgress: false, similarityCutoff: $batch.min_similarity,
  degreeCutoff: $batch.min_neighbors, topK: $batch.per_entity
} AS config
CALL gds.nodeSimilarity.stream.estimate($batch.name, config) YIELD bytesMax
OPTIONAL CALL (start, config, bytesMax) {
  WITH start, config, bytesMax
  WHERE bytesMax <= $batch.max_bytes AND $batch.entity_id IS NULL
  CALL gds.nodeSimilarity.stream($batch.name, config) YIELD node1, node2, similarity
  WITH gds.util.asNode(node1) AS a, gds.util.asNode(node2) AS b, similarity
  WITH CASE WHEN a.id < b.id THEN a ELSE b END AS a,
    CASE WHEN a.id < b.id THEN b ELSE a END AS b, similarity
  WHERE similarity > 0
  RETURN DISTINCT a, b, similarity
  UNION ALL
  WITH start, config, bytesMax
  WHERE bytesMax <= $batch.max_bytes AND start IS NOT NULL
  CALL gds.nodeSimilarity.filtered.stream($batch.name, {
    concurrency: $batch.concurrency, logProgress: false, similarityCutoff: $batch.min_similarity,
    degreeCutoff: $batch.min_neighbors, topK: $batch.per_entity, sourceNodeFilter: start
  }) YIELD node1, node2, similarity
  WITH node1, node2, similarity
  WHERE similarity > 0
  RETURN gds.util.asNode(node1) AS a, gds.util.asNode(node2) AS b, similarity
}
RETURN a.id AS id, a.name AS name, a.type AS type,
  b.id AS other_id, b.name AS other_name, b.type AS other_type, similarity, bytesMax AS bytes
ORDER BY similarity DESC, id, other_id
LIMIT $batch.limit;
