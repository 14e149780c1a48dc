// Create the vector index of Instruction nodes, for servers without Cypher 25.
// Columns: none. Parameter: vector_size (numbers per vector).
// Plan: vector indexes of these servers have one label and no properties for filters.
:param vector_size => 384
CREATE VECTOR INDEX memory_vectors_instruction IF NOT EXISTS
FOR (n:Instruction) ON (n.embedding)
OPTIONS {indexConfig: {`vector.dimensions`: $vector_size, `vector.similarity_function`: 'cosine'}};
