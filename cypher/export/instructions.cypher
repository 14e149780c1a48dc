// Read a page of all instructions, in the order of their ids.
// Columns: item (map), id (string).
// Plan: a range of the constraint's index, in its order.
:param batch => {namespace: "default", after_id: "", limit: 100}
MATCH (n:Instruction)
WHERE n.namespace = $batch.namespace AND n.id > $batch.after_id
WITH n ORDER BY n.namespace, n.id
LIMIT $batch.limit
RETURN n {.id, .content, .instruction_kind, .scope, .subject, .attribute, .rule, .message_id,
    .status, .timestamp_ms, .created_ms} AS item, n.id AS id
ORDER BY id;
