// Write relationships between entities that exist. The same source, type and target is one relationship.
// Columns: id (string), source, target, type (strings), created (boolean), created_ms (integer), properties (JSON or null). A missing end: no row.
// Plan: two seeks per row and a MERGE between bound nodes, which locks both, so that it is unique under concurrency.
// An end that was merged into another entity between the two is no entity any more: the division by zero rolls everything back then, and the
// client tries again.
// One map as parameter: lists of other lengths would be planned anew.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", now: 1767225600000, rows: [{source: "DataProcessor", target: "pandas", type: "USES", properties: {name: "uses", confidence: 0.9}}]}
UNWIND $batch.rows AS row
MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
MERGE (a)-[r:$(row.type)]->(b)
ON CREATE SET r.created_ms = $batch.now, r.fresh = true, r.sources = []
WITH row, a, b, r, coalesce(r.fresh, false) AS created
SET r += row.properties, r.updated_ms = $batch.now
REMOVE r.fresh
WITH sum(CASE WHEN a:Entity AND b:Entity THEN 0 ELSE 1 END) AS lost, collect({id: r.id, source: a.id, target: b.id, type: type(r), created: created, created_ms: r.created_ms, properties: r.properties}) AS written
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
UNWIND CASE WHEN lost > 0 THEN [1 / (lost * 0)] ELSE written END AS one
RETURN one.id AS id, one.source AS source, one.target AS target, one.type AS type, one.created AS created, one.created_ms AS created_ms,
  one.properties AS properties;
