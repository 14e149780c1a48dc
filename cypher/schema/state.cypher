// Which version of the schema does this database have, and which model made its vectors?
// Columns: version (integer), embedding_model (string or null), vector_size (integer). No row: the database is new.
MATCH (v:SchemaVersion {id: 'schema'})
RETURN v.version AS version, v.embedding_model AS embedding_model, v.vector_size AS vector_size;
