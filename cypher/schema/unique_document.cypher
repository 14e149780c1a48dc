// One document per namespace and id.
// Columns: none.
CREATE CONSTRAINT document_id IF NOT EXISTS FOR (n:Document) REQUIRE (n.namespace, n.id) IS UNIQUE;
