// Make ids of Entity nodes unique in their namespace.
// Columns: none.
// `MERGE` on an id is safe under concurrency only because of this constraint.
CREATE CONSTRAINT entity_id IF NOT EXISTS
FOR (n:Entity) REQUIRE (n.namespace, n.id) IS UNIQUE;
