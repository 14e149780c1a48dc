// Give what an ingest has written its times, and a proposed decision its evidence.
// Columns: written (integer), missing (integer: how many messages of the evidence do not exist).
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", rows: [{label: "Decision", id: "decision:1", properties: {created_ms: 1767225600000}, evidence: ["conv-123:0"]}]}
UNWIND $batch.rows AS row
MATCH (n:Document|Chunk|Decision|Instruction {namespace: $batch.namespace, id: row.id})
WHERE row.label IN labels(n)
SET n += row.properties
WITH n, row
CALL (n, row) {
  UNWIND row.evidence AS id
  MATCH (m:Message {namespace: $batch.namespace, id: id})
  MERGE (n)-[:EVIDENCED_BY]->(m)
  RETURN count(m) AS linked
}
WITH count(n) AS written, coalesce(sum(size(row.evidence) - linked), 0) AS missing
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN written, missing;
