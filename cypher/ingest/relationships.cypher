// Write exported relationships between existing entities, with their evidence.
// Columns: written (integer).
// Plan: removing a property that entities never have locks both ends, and writes nothing, so that
// no end is deleted or merged meanwhile; the caller rolls back where fewer are written than given.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", now: 1767225600000, rows: [{source: "DataProcessor", target: "pandas", type: "USES", properties: {name: "uses", confidence: 0.9}}]}
UNWIND $batch.rows AS row
MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
REMOVE a.lock, b.lock
MERGE (a)-[r:$(row.type)]->(b)
SET r += row.properties, r.updated_ms = $batch.now
WITH count(CASE WHEN a:Entity AND b:Entity THEN r END) AS written
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN written;
