// Read a page of all relationships between entities, in the order of source, type and target.
// Columns: item (map), id (string: the source), key (string: type and target).
// Plan: a range of the constraint's index, in its order, with an expand of each entity.
:param batch => {namespace: "default", after_id: "", after_key: "", limit: 100}
MATCH (n:Entity)
WHERE n.namespace = $batch.namespace AND n.id >= $batch.after_id
MATCH (n)-[r]->(e:Entity)
WITH n, r, e, type(r) + ' ' + e.id AS key
WHERE n.id > $batch.after_id OR key > $batch.after_key
WITH n, r, e, key ORDER BY n.namespace, n.id, key
LIMIT $batch.limit
RETURN r {.name, .confidence, .properties, .origin, .evidence, .extractor, .sources, .capped,
    .created_ms, type: type(r), source: n.id, target: e.id} AS item, n.id AS id, key
ORDER BY id, key;
