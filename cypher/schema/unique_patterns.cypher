// One set of patterns for the caller's own types of entities per namespace.
// Columns: none.
CREATE CONSTRAINT entity_patterns IF NOT EXISTS
FOR (n:EntityPatterns) REQUIRE n.namespace IS UNIQUE;
