// Make ids of Decision nodes unique in their namespace.
// Columns: none.
// `MERGE` on an id is safe under concurrency only because of this constraint.
CREATE CONSTRAINT decision_id IF NOT EXISTS
FOR (n:Decision) REQUIRE (n.namespace, n.id) IS UNIQUE;
