// Make ids of MergedEntity nodes unique in their namespace.
// Columns: none.
// `MERGE` on an id is safe under concurrency only because of this constraint.
CREATE CONSTRAINT merged_entity_id IF NOT EXISTS
FOR (n:MergedEntity) REQUIRE (n.namespace, n.id) IS UNIQUE;
