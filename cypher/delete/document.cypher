// Delete a document without its passages, which `delete/texts` deletes in the same transaction.
// Columns: passage_ids (list of strings). No row: the document does not exist.
// Plan: the document is locked before its passages are read.
:param batch => {namespace: "default", id: "handbook", now: 1767225600000}
MATCH (d:Document {namespace: $batch.namespace, id: $batch.id})
SET d.updated_ms = $batch.now
WITH d
CALL (d) {
  OPTIONAL MATCH (d)-[:HAS_CHUNK]->(k:Chunk)
  WITH k ORDER BY k.position
  RETURN collect(k.id) AS passage_ids
}
DETACH DELETE d
RETURN passage_ids;
