// An id means one Message in its namespace; MERGE on it is safe under concurrency only because of this constraint.
// Columns: none.
CREATE CONSTRAINT message_id IF NOT EXISTS
FOR (n:Message) REQUIRE (n.namespace, n.id) IS UNIQUE;
