// Read a page of all documents with the mentions of their passages, in the order of their ids.
// Columns: item (map), passages (list of maps: position, timestamp_ms, unasserted, mentions),
// id (string).
// Plan: a range of the constraint's index, in its order.
:param batch => {namespace: "default", after_id: "", limit: 10}
MATCH (n:Document)
WHERE n.namespace = $batch.namespace AND n.id > $batch.after_id
WITH n ORDER BY n.namespace, n.id
LIMIT $batch.limit
RETURN n {.id, .content, .metadata, .project_path, .created_ms} AS item,
  COLLECT {
    MATCH (n)-[:HAS_CHUNK]->(k:Chunk)
    RETURN k {.position, .timestamp_ms, .unasserted, mentions: COLLECT {
      MATCH (k)-[r:MENTIONS]->(e:Entity)
      RETURN r {.start, .end, .count, .confidence, .extractor, entity_id: e.id} ORDER BY e.id
    }} ORDER BY k.position
  } AS passages,
  n.id AS id
ORDER BY id;
