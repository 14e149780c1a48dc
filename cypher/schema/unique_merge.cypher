// Make ids of Merge nodes unique in their namespace.
// Columns: none.
// `MERGE` on an id is safe under concurrency only because of this constraint.
CREATE CONSTRAINT merge_id IF NOT EXISTS
FOR (n:Merge) REQUIRE (n.namespace, n.id) IS UNIQUE;
