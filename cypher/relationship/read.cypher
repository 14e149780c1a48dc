// The relationships that these triples mean. The entities that they start from are locked for the rest of the transaction, so that
// nobody else creates or changes one of them meanwhile.
// Columns: source, target, type (strings), properties (map).
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", rows: [{source: "DataProcessor", target: "pandas", type: "USES"}]}
UNWIND $batch.rows AS row
MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
SET a.updated_ms = a.updated_ms
WITH row, a, b
MATCH (a)-[r:$(row.type)]->(b)
RETURN a.id AS source, b.id AS target, type(r) AS type, properties(r) AS properties;
