// Index entities by name, to look them up by their exact name where an id was expected.
// Columns: none.
CREATE INDEX entity_name IF NOT EXISTS
FOR (n:Entity) ON (n.namespace, n.name);
