// Replace the snapshots of merges, which no longer hold what was deleted.
// Columns: id (string).
:param batch => {namespace: "default", rows: [{id: "merge:1", snapshot: "{}"}]}
UNWIND $batch.rows AS row
MATCH (g:Merge {namespace: $batch.namespace, id: row.id})
SET g.snapshot = row.snapshot
RETURN g.id AS id;
