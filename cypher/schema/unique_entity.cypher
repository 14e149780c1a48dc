// An id means one Entity in its namespace; MERGE on it is safe under concurrency only because of this constraint.
// Columns: none.
CREATE CONSTRAINT entity_id IF NOT EXISTS
FOR (n:Entity) REQUIRE (n.namespace, n.id) IS UNIQUE;
