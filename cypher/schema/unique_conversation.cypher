// An id means one Conversation in its namespace; MERGE on it is safe under concurrency only because of this constraint.
// Columns: none.
CREATE CONSTRAINT conversation_id IF NOT EXISTS
FOR (n:Conversation) REQUIRE (n.namespace, n.id) IS UNIQUE;
