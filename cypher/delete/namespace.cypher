// Delete some nodes of a namespace, in one transaction. Conversations are marked first, by
// `delete/mark_conversations`, so that none looks whole, and deleted after what belongs to them: a
// relationship takes as much memory of a transaction as a node, and a conversation may have 100,000.
// The messages of a conversation that a writer has saved meanwhile are left. The caller marks and deletes
// until there are none.
// Columns: conversations, messages, passages, documents, decisions, instructions, entities, merges, mentions,
// relationships (integers: how many were deleted).
// Plan: each label by its constraint's index, which starts with the namespace.
// Each transaction gives the namespace another version. The relationships
// of a node are counted before it is deleted, so that each is counted once. The number of merges
// grows with each deleted one, so that all writers read the redirects again.
:param batch => {namespace: "scratch", limit: 1000}
CYPHER replan=skip
CALL () {
  MATCH (n:Document {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Message {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND NOT EXISTS { (n)<-[:HAS_MESSAGE]-(c:Conversation) WHERE c.revision IS NOT NULL }
  RETURN n
  UNION ALL
  MATCH (n:Chunk {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Decision {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Instruction {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Conversation {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND n.revision IS NULL AND NOT EXISTS { (n)-[:HAS_MESSAGE]->() }
  RETURN n
  UNION ALL
  MATCH (n:Entity {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:MergedEntity {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:Merge {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN n
  UNION ALL
  MATCH (n:EntityPatterns {namespace: $batch.namespace}) RETURN n
}
WITH n LIMIT $batch.limit
CALL (n) {
  WITH n, head([label IN labels(n) WHERE label IN ['Conversation', 'Document', 'Message', 'Chunk',
    'Decision', 'Instruction', 'Entity', 'MergedEntity', 'Merge', 'EntityPatterns']]) AS label,
    CASE WHEN n:Entity THEN COUNT { (n)<-[:MENTIONS|ABOUT]-() } ELSE COUNT { (n)-[:MENTIONS|ABOUT]->() } END
      AS mentions,
    CASE WHEN n:Entity THEN COUNT { (n)-[]-(:Entity) } ELSE 0 END AS relationships
  DETACH DELETE n
  WITH label, mentions, relationships
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID(),
    v.merges = CASE label WHEN 'Merge' THEN coalesce(v.merges, 0) + 1 ELSE v.merges END
  RETURN label, mentions, relationships
}
RETURN count(CASE label WHEN 'Conversation' THEN 1 END) AS conversations,
  count(CASE label WHEN 'Message' THEN 1 END) AS messages,
  count(CASE label WHEN 'Chunk' THEN 1 END) AS passages,
  count(CASE label WHEN 'Document' THEN 1 END) AS documents,
  count(CASE label WHEN 'Decision' THEN 1 END) AS decisions,
  count(CASE label WHEN 'Instruction' THEN 1 END) AS instructions,
  count(CASE WHEN label IN ['Entity', 'MergedEntity'] THEN 1 END) AS entities,
  count(CASE label WHEN 'Merge' THEN 1 END) AS merges, count(label) AS nodes,
  coalesce(sum(mentions), 0) AS mentions, coalesce(sum(relationships), 0) AS relationships;
