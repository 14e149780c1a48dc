// List nodes that have a vector of the model in use, but none of the other model.
// Columns: label, id, content (the text by which it is found), name, description, origin (the last
// two are null but for entities); in the order of ids.
// Plan: each label by a range of its constraint's index, in the index's order, so that a page costs
// what it returns and skips.
:param batch => {namespace: "default", label: "Message", after: "", limit: 256, active: "embedding", inactive: "embedding_384_a"}
CALL () {
  WITH $batch AS batch WHERE batch.label = 'Message'
  MATCH (n:Message)
  WHERE n.namespace = batch.namespace AND n.id > batch.after AND n[batch.active] IS NOT NULL AND n[batch.inactive] IS NULL
  RETURN n ORDER BY n.namespace, n.id LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'Chunk'
  MATCH (n:Chunk)
  WHERE n.namespace = batch.namespace AND n.id > batch.after AND n[batch.active] IS NOT NULL AND n[batch.inactive] IS NULL
  RETURN n ORDER BY n.namespace, n.id LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'Entity'
  MATCH (n:Entity)
  WHERE n.namespace = batch.namespace AND n.id > batch.after AND n[batch.active] IS NOT NULL AND n[batch.inactive] IS NULL
  RETURN n ORDER BY n.namespace, n.id LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'Decision'
  MATCH (n:Decision)
  WHERE n.namespace = batch.namespace AND n.id > batch.after AND n[batch.active] IS NOT NULL AND n[batch.inactive] IS NULL
  RETURN n ORDER BY n.namespace, n.id LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'Instruction'
  MATCH (n:Instruction)
  WHERE n.namespace = batch.namespace AND n.id > batch.after AND n[batch.active] IS NOT NULL AND n[batch.inactive] IS NULL
  RETURN n ORDER BY n.namespace, n.id LIMIT $batch.limit
}
RETURN $batch.label AS label, n.id AS id, n.content AS content, n.name AS name, n.description AS description, n.origin AS origin
ORDER BY id;
