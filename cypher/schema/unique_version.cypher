// There is one node that says which version of the schema a database has.
// Columns: none.
CREATE CONSTRAINT schema_version_id IF NOT EXISTS
FOR (n:SchemaVersion) REQUIRE n.id IS UNIQUE;
