// Create exported conversations without messages; one that exists does not change.
// Columns: created (integer).
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", now: 1767225600000, rows: [{id: "conv-123", properties: {mode: "hybrid", project: "", tags: [], content: "", facets: ["1"], created_ms: 1767225600000}}]}
UNWIND $batch.rows AS row
MERGE (c:Conversation {namespace: $batch.namespace, id: row.id})
ON CREATE SET c += row.properties, c.revision = 0, c.updated_ms = $batch.now,
  c.kind = 'conversation', c.fresh = true
WITH c, coalesce(c.fresh, false) AS is_new
REMOVE c.fresh, c.lock
WITH sum(CASE WHEN is_new THEN 1 ELSE 0 END) AS created
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN created;
