// One vector index over all that carries a vector, with the properties by which searches filter inside it.
// Parameter: vector_size, numbers per vector. Columns: none.
:param vector_size => 384
CYPHER 25
CREATE VECTOR INDEX memory_vectors IF NOT EXISTS
FOR (n:Message|Chunk|Entity|Decision) ON (n.embedding)
WITH [n.namespace, n.kind, n.conversation_id, n.role, n.project, n.timestamp_ms, n.confidence]
OPTIONS {indexConfig: {`vector.dimensions`: $vector_size, `vector.similarity_function`: 'cosine'}};
