// Read a page of all decisions, in the order of their ids.
// Columns: item (map), entity_ids, evidence (lists of strings), id (string).
// Plan: a range of the constraint's index, in its order.
:param batch => {namespace: "default", after_id: "", limit: 100}
MATCH (n:Decision)
WHERE n.namespace = $batch.namespace AND n.id > $batch.after_id
WITH n ORDER BY n.namespace, n.id
LIMIT $batch.limit
RETURN n {.id, .conversation_id, .decision_type, .context, .outcome, .stated_confidence, .status,
    .created_ms, .timestamp_ms} AS item,
  COLLECT { MATCH (n)-[:ABOUT]->(e:Entity) RETURN e.id ORDER BY e.id } AS entity_ids,
  COLLECT { MATCH (n)-[:EVIDENCED_BY]->(m:Message) RETURN m.id ORDER BY m.position, m.id } AS evidence,
  n.id AS id
ORDER BY id;
