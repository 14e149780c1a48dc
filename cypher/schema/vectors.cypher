// Create one vector index over all nodes that can have a vector, with the properties for filters.
// Columns: none. Parameter: vector_size (numbers per vector).
:param vector_size => 384
CYPHER 25
CREATE VECTOR INDEX memory_vectors IF NOT EXISTS
FOR (n:Message|Chunk|Entity|Decision|Instruction) ON (n.embedding)
WITH [n.namespace, n.kind, n.conversation_id, n.role, n.project, n.timestamp_ms, n.confidence]
OPTIONS {indexConfig: {`vector.dimensions`: $vector_size, `vector.similarity_function`: 'cosine'}};
