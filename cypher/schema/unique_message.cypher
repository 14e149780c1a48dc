// Make ids of Message nodes unique in their namespace.
// Columns: none.
// `MERGE` on an id is safe under concurrency only because of this constraint.
CREATE CONSTRAINT message_id IF NOT EXISTS
FOR (n:Message) REQUIRE (n.namespace, n.id) IS UNIQUE;
