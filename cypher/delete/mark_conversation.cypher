// Mark a conversation that is deleted in several transactions: without a revision, no call loads it,
// lists it or saves to it, and no search finds it. Its instructions are deleted.
// Columns: instructions (integer: how many were deleted).
:param batch => {namespace: "default", id: "conv-123"}
MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.id})
REMOVE c.revision, c.content, c.terms, c.metadata, c.project_path, c.tags, c.mode
SET c.facets = [], c.project = ''
WITH c
CALL (c) {
  MATCH (c)-[:HAS_INSTRUCTION]->(i:Instruction)
  DETACH DELETE i
  RETURN count(*) AS instructions
}
RETURN instructions;
