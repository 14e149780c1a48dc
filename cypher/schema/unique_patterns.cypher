// Make the EntityPatterns node of a namespace unique.
// Columns: none.
CREATE CONSTRAINT entity_patterns IF NOT EXISTS
FOR (n:EntityPatterns) REQUIRE n.namespace IS UNIQUE;
