// Ids of entities that were merged into others are unique in a namespace.
// Columns: none.
CREATE CONSTRAINT merged_entity_id IF NOT EXISTS
FOR (n:MergedEntity) REQUIRE (n.namespace, n.id) IS UNIQUE;
