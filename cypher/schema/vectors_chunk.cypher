// Servers without Cypher 25 have vector indexes of one label and without filters: this one is for Chunk nodes there.
// Parameter: vector_size, numbers per vector. Columns: none.
:param vector_size => 384
CREATE VECTOR INDEX memory_vectors_chunk IF NOT EXISTS
FOR (n:Chunk) ON (n.embedding)
OPTIONS {indexConfig: {`vector.dimensions`: $vector_size, `vector.similarity_function`: 'cosine'}};
