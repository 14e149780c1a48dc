// Make ids of Instruction nodes unique in their namespace.
// Columns: none.
// `MERGE` on an id is safe under concurrency only because of this constraint.
CREATE CONSTRAINT instruction_id IF NOT EXISTS
FOR (n:Instruction) REQUIRE (n.namespace, n.id) IS UNIQUE;
