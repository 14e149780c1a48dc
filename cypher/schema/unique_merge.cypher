// Ids of merges are unique in a namespace.
// Columns: none.
CREATE CONSTRAINT merge_id IF NOT EXISTS
FOR (n:Merge) REQUIRE (n.namespace, n.id) IS UNIQUE;
