// Make ids of Conversation nodes unique in their namespace.
// Columns: none.
// `MERGE` on an id is safe under concurrency only because of this constraint.
CREATE CONSTRAINT conversation_id IF NOT EXISTS
FOR (n:Conversation) REQUIRE (n.namespace, n.id) IS UNIQUE;
