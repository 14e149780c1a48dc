// Retire an instruction: it stays, but no search finds it and no prompt context has it.
// Columns: item (map), changed (boolean). No row: there is no such instruction.
// Plan: one seek. `REMOVE i.lock` locks the node before its status is read. One that was deleted
// meanwhile has none.
:param batch => {namespace: "default", id: "instruction:1", now: 1767225600000}
MATCH (i:Instruction {namespace: $batch.namespace, id: $batch.id})
REMOVE i.lock
WITH i, i.status <> 'retired' AS changed
WHERE i.status IS NOT NULL
CALL (i) {
  WITH i WHERE i.status <> 'retired'
  SET i.status = 'retired', i.updated_ms = $batch.now, i.facets = []
  REMOVE i.terms, i.kind
  FOREACH (key IN [key IN keys(i) WHERE key STARTS WITH 'embedding'] | REMOVE i[key])
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN i {.id, .content, .instruction_kind, .scope, .subject, .attribute, .status, .rule,
  .conversation_id, .message_id, .start, .end, .timestamp_ms, .created_ms} AS item, changed;
