// Make the SchemaVersion node of a database unique.
// Columns: none.
CREATE CONSTRAINT schema_version_id IF NOT EXISTS
FOR (n:SchemaVersion) REQUIRE n.id IS UNIQUE;
