// Write the terms of texts that have not changed since they were read, and add filter tokens of
// their metadata. `own` are those of a message's own metadata.
// Columns: written (integer).
:param rows => [{key: "4:0", content: "Hello", terms: "hello", tokens: ["1"], own: ["1"]}]
UNWIND $rows AS row
MATCH (n) WHERE elementId(n) = row.key
SET n.updated_ms = n.updated_ms
WITH n, row
WHERE n.content = row.content AND n.terms IS NULL
SET n.terms = row.terms,
  n.facets = n.facets + [token IN row.tokens WHERE NOT token IN n.facets],
  n.own_facets = CASE size(row.own) WHEN 0 THEN n.own_facets ELSE coalesce(n.own_facets, []) + row.own END
RETURN count(*) AS written;
