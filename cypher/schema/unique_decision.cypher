// An id means one Decision in its namespace; MERGE on it is safe under concurrency only because of this constraint.
// Columns: none.
CREATE CONSTRAINT decision_id IF NOT EXISTS
FOR (n:Decision) REQUIRE (n.namespace, n.id) IS UNIQUE;
