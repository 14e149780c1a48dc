// Note which model makes the vectors of this database, unless that is known already.
// Columns: embedding_model (string), vector_size (integer): what is noted after the call.
:param embedding_model => "all-MiniLM-L6-v2"
MATCH (v:SchemaVersion {id: 'schema'})
SET v.embedding_model = coalesce(v.embedding_model, $embedding_model)
RETURN v.embedding_model AS embedding_model, v.vector_size AS vector_size;
