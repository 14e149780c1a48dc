// Note the version of the schema in the database. Repeating it changes nothing.
// No other node has the property `lock`. Statements remove it to lock a node, which needs the key to
// exist in the database: to remove an unknown key locks nothing.
// Columns: version (integer).
:param version => 1
:param vector_size => 384
:param now => 1767225600000
MERGE (v:SchemaVersion {id: 'schema'})
ON CREATE SET v.created_ms = $now, v.vector_size = $vector_size
SET v.version = $version, v.updated_ms = $now, v.lock = true
REMOVE v.embedding_model
RETURN v.version AS version;
