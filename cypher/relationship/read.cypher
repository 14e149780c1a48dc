// Read the relationships with these sources, types and targets. The sources are locked until the
// transaction ends, so that nobody else creates or changes one of the relationships meanwhile.
// Columns: source, target, type (strings), properties (map).
:param batch => {namespace: "default", rows: [{source: "DataProcessor", target: "pandas", type: "USES"}]}
UNWIND $batch.rows AS row
MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
SET a.updated_ms = a.updated_ms
WITH row, a, b
MATCH (a)-[r:$(row.type)]->(b)
RETURN a.id AS source, b.id AS target, type(r) AS type, properties(r) AS properties;
