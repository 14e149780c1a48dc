// List the instructions of a namespace, latest first.
// Columns: item (map; `superseded_by` is the id of the next one at the same address, or null; then
// its status is 'superseded' unless it is retired), key (string: its order key).
// `statuses` is null for all. `after_key` and `after_id` are those of the last row of the previous
// page, null for the first page. `ids` is null for all.
// Plan: by the index of their constraint, which starts with the namespace, or by seeks on `ids`; one
// seek on the address of each.
:param batch => {namespace: "default", statuses: null, ids: null, after_key: null, after_id: null, limit: 100}
MATCH (i:Instruction {namespace: $batch.namespace})
WHERE i.id IS NOT NULL AND ($batch.ids IS NULL OR i.id IN $batch.ids)
  AND ($batch.after_id IS NULL OR i.order_key < $batch.after_key
    OR (i.order_key = $batch.after_key AND i.id > $batch.after_id))
WITH i, COLLECT {
    MATCH (x:Instruction {namespace: i.namespace, address: i.address})
    WHERE x.order_key > i.order_key
    RETURN x.id ORDER BY x.order_key LIMIT 1
  } AS later
WITH i, later[0] AS superseded_by,
  CASE WHEN i.status = 'active' AND size(later) > 0 THEN 'superseded' ELSE i.status END AS status
WHERE $batch.statuses IS NULL OR status IN $batch.statuses
WITH i, superseded_by, status ORDER BY i.order_key DESC, i.id
LIMIT $batch.limit
RETURN i {.id, .content, .instruction_kind, .scope, .subject, .attribute, .rule, .conversation_id,
  .message_id, .start, .end, .timestamp_ms, .created_ms, status: status,
  superseded_by: superseded_by} AS item, i.order_key AS key;
