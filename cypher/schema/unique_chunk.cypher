// An id means one Chunk in its namespace; MERGE on it is safe under concurrency only because of this constraint.
// Columns: none.
CREATE CONSTRAINT chunk_id IF NOT EXISTS
FOR (n:Chunk) REQUIRE (n.namespace, n.id) IS UNIQUE;
