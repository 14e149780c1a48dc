// Write the terms of texts that have not changed since they were read.
// Columns: written (integer).
:param rows => [{key: "4:0", content: "Hello", terms: "hello"}]
UNWIND $rows AS row
MATCH (n) WHERE elementId(n) = row.key
SET n.updated_ms = n.updated_ms
WITH n, row
WHERE n.content = row.content
SET n.terms = row.terms
RETURN count(*) AS written;
