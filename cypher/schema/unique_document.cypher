// Make ids of Document nodes unique in their namespace.
// Columns: none.
// `MERGE` on an id is safe under concurrency only because of this constraint.
CREATE CONSTRAINT document_id IF NOT EXISTS FOR (n:Document) REQUIRE (n.namespace, n.id) IS UNIQUE;
