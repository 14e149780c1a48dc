// Read a page of all conversations without their messages, in the order of their ids.
// Columns: item (map), mentions (list of maps), is_tree (whether it has branches), id (string).
// A conversation without a revision is being deleted.
// Plan: a range of the constraint's index, in its order.
:param batch => {namespace: "default", after_id: "", limit: 100}
MATCH (n:Conversation)
WHERE n.namespace = $batch.namespace AND n.id > $batch.after_id AND n.revision IS NOT NULL
WITH n ORDER BY n.namespace, n.id
LIMIT $batch.limit
RETURN n {.id, .project_path, .mode, .metadata, .created_ms} AS item,
  COLLECT {
    MATCH (n)-[r:MENTIONS]->(e:Entity)
    RETURN r {.start, .end, .count, .confidence, .extractor, entity_id: e.id} ORDER BY e.id
  } AS mentions,
  n.end IS NOT NULL AS is_tree, n.id AS id
ORDER BY id;
