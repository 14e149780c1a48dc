// Read a page of all entities, in the order of their ids.
// Columns: item (map), id (string).
// Plan: a range of the constraint's index, in its order.
:param batch => {namespace: "default", after_id: "", limit: 100}
MATCH (n:Entity)
WHERE n.namespace = $batch.namespace AND n.id > $batch.after_id
WITH n ORDER BY n.namespace, n.id
LIMIT $batch.limit
RETURN n {.id, .name, .type, .description, .confidence, .aliases, .metadata, .origin, .created_ms}
    AS item, n.id AS id
ORDER BY id;
