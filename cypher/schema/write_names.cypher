// Write the folded names and filter tokens of entities that have not changed since they were read.
// Columns: written (integer).
:param rows => [{key: "4:0", name: "Neo4j", aliases: [], old_facets: ["1"], folded: "neo4j", facets: ["1", "2"]}]
UNWIND $rows AS row
MATCH (n) WHERE elementId(n) = row.key
SET n.updated_ms = n.updated_ms
WITH n, row
WHERE n.name = row.name AND coalesce(n.aliases, []) = row.aliases AND coalesce(n.facets, []) = coalesce(row.old_facets, [])
SET n.folded = row.folded, n.facets = row.facets
RETURN count(*) AS written;
