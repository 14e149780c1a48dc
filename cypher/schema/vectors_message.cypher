// Servers without Cypher 25 have vector indexes of one label and without filters: this one is for Message nodes there.
// Parameter: vector_size, numbers per vector. Columns: none.
:param vector_size => 384
CREATE VECTOR INDEX memory_vectors_message IF NOT EXISTS
FOR (n:Message) ON (n.embedding)
OPTIONS {indexConfig: {`vector.dimensions`: $vector_size, `vector.similarity_function`: 'cosine'}};
