// Index entities by type, for filters and for people who browse.
// Columns: none.
CREATE INDEX entity_type IF NOT EXISTS
FOR (n:Entity) ON (n.namespace, n.type);
