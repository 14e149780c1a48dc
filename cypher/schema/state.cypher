// Which version of the schema does this database have, and how long are the vectors of its first index?
// Columns: version (integer), vector_size (integer). No row: the database is new.
MATCH (v:SchemaVersion {id: 'schema'})
RETURN v.version AS version, v.vector_size AS vector_size;
