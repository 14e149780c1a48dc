// Return the version of the database's schema, and the size of the vectors in its first vector
// index.
// Columns: version (integer), vector_size (integer). No row: the database is new.
MATCH (v:SchemaVersion {id: 'schema'})
RETURN v.version AS version, v.vector_size AS vector_size;
