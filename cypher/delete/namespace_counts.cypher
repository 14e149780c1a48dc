// Count what the deletion of a namespace would delete.
// Columns: conversations, messages, passages, documents, decisions, instructions, entities, merges, mentions,
// relationships (integers).
// Plan: each label is counted on its constraint's index, which starts with the namespace.
:param batch => {namespace: "default"}
CALL () { MATCH (n:Conversation {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN count(n) AS conversations }
CALL () { MATCH (n:Message {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN count(n) AS messages }
CALL () { MATCH (n:Chunk {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN count(n) AS passages }
CALL () { MATCH (n:Document {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN count(n) AS documents }
CALL () { MATCH (n:Decision {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN count(n) AS decisions }
CALL () { MATCH (n:Instruction {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN count(n) AS instructions }
CALL () { MATCH (n:Merge {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN count(n) AS merges }
CALL () { MATCH (n:MergedEntity {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN count(n) AS merged_entities }
CALL () {
  MATCH (n:Entity {namespace: $batch.namespace}) WHERE n.id IS NOT NULL
  RETURN count(n) AS kept, coalesce(sum(COUNT { (n)<-[:MENTIONS|ABOUT]-() }), 0) AS mentions,
    coalesce(sum(COUNT { (n)-->(:Entity) }), 0) AS relationships
}
RETURN conversations, messages, passages, documents, decisions, instructions, kept + merged_entities AS entities,
  merges, mentions, relationships;
