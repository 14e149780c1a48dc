// Index entities by the form in which the spellings of a name meet.
// Columns: none.
CREATE INDEX entity_folded IF NOT EXISTS
FOR (n:Entity) ON (n.namespace, n.folded);
