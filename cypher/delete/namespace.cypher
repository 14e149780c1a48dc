// Delete some nodes of a namespace, in one transaction. Conversations are marked first, by
// `delete/mark_conversations`, so that none looks whole. What belongs to a conversation is deleted
// before it: a relationship takes as much memory of a transaction as a node, and a conversation may
// have 100,000. At most 1 + limit / 20 documents are chosen, because
// their passages are deleted with them. If the deletion is interrupted, a save completes that of its conversation, and finds
// passages, instructions and decisions only with their message or conversation. A document is
// deleted together with its passages, and an entity with the merges into it.
// What belongs to a conversation that a writer has saved meanwhile stays. The caller marks and
// deletes until there are none.
// Columns: conversations, messages, passages, documents, decisions, instructions, entities, merges, mentions,
// relationships, nodes (integers: how many were deleted; the last one counts how many were chosen).
// Plan: each label by its constraint's index, which starts with the namespace. A writer may use
// instructions, decisions and entities until they are locked; removing a property that they do not
// have locks them, and writes nothing. The relationships of a node are counted before it is deleted,
// so that each is counted once. Each transaction gives the namespace another version at its end. The
// number of merges grows with each deleted one, so that all writers read the redirects again.
:param batch => {namespace: "scratch", limit: 1000}
CYPHER replan=skip
CALL () {
  MATCH (n:Instruction {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND NOT EXISTS { (n)<-[:HAS_INSTRUCTION]-(c:Conversation) WHERE c.revision IS NOT NULL }
  RETURN n
  UNION ALL
  MATCH (n:Decision {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND NOT EXISTS { (n)<-[:HAS_DECISION]-(c:Conversation) WHERE c.revision IS NOT NULL }
  RETURN n
  UNION ALL
  MATCH (n:Document {namespace: $batch.namespace}) WHERE n.id IS NOT NULL RETURN n LIMIT 1 + $batch.limit / 20
  UNION ALL
  MATCH (n:Chunk {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND NOT EXISTS { (n)<-[:HAS_CHUNK]-(:Document) }
    AND NOT EXISTS { (n)<-[:HAS_CHUNK]-()<-[:HAS_MESSAGE]-(c:Conversation) WHERE c.revision IS NOT NULL }
  RETURN n
  UNION ALL
  MATCH (n:Message {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND NOT EXISTS { (n)<-[:HAS_MESSAGE]-(c:Conversation) WHERE c.revision IS NOT NULL }
  RETURN n
  UNION ALL
  MATCH (n:Conversation {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND n.revision IS NULL
    AND NOT EXISTS { (n)-[:HAS_MESSAGE|HAS_DECISION|HAS_INSTRUCTION]->() }
  RETURN n
  UNION ALL
  MATCH (n:Merge {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND NOT EXISTS { (n)-[:INTO]->() }
  RETURN n
  UNION ALL
  MATCH (n:MergedEntity {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND NOT EXISTS { (n)<-[:MERGED]-() }
  RETURN n
  UNION ALL
  MATCH (n:Entity {namespace: $batch.namespace})
  WHERE n.id IS NOT NULL AND NOT EXISTS { (n)<-[:MENTIONS|ABOUT]-() }
  RETURN n
  UNION ALL
  MATCH (n:EntityPatterns {namespace: $batch.namespace}) RETURN n
}
WITH n LIMIT $batch.limit
REMOVE n.lock
WITH n, CASE
  WHEN EXISTS { (n)<-[:HAS_INSTRUCTION|HAS_DECISION]-(c:Conversation) WHERE c.revision IS NOT NULL } THEN null
  WHEN n:Entity AND EXISTS { (n)<-[:MENTIONS|ABOUT]-() } THEN null
  ELSE head([label IN labels(n) WHERE label IN ['Conversation', 'Document', 'Message', 'Chunk',
    'Decision', 'Instruction', 'Entity', 'MergedEntity', 'Merge', 'EntityPatterns']]) END AS label
CALL (n) {
  MATCH (n)-[:HAS_CHUNK|MERGED]->(part)
  RETURN collect(part) AS direct_parts
}
CALL (n) {
  MATCH (n:Entity) (()<-[:INTO]-(merge:Merge)-[:MERGED]->(merged)){1,20} ()
  UNWIND merge + merged AS part
  RETURN collect(DISTINCT part) AS merge_parts
}
CALL (n, label, direct_parts, merge_parts) {
  WITH n, label, direct_parts + merge_parts AS parts,
    COUNT { (n)-[:MENTIONS|ABOUT]->() } + COUNT { (n:Document)-[:HAS_CHUNK]->()-[:MENTIONS]->() } AS mentions,
    COUNT { (n:Entity)-[]-(:Entity) } AS relationships
  WITH *, size([x IN parts WHERE x:Chunk]) AS passages, size([x IN parts WHERE x:Merge]) AS merges,
    size([x IN parts WHERE x:MergedEntity]) AS merged_entities
  FOREACH (node IN CASE WHEN label IS NULL THEN [] ELSE parts + n END | DETACH DELETE node)
  RETURN {label: label, mentions: mentions, relationships: relationships, passages: passages,
    merges: merges + CASE label WHEN 'Merge' THEN 1 ELSE 0 END, merged_entities: merged_entities} AS row
}
WITH count(*) AS nodes, collect(CASE WHEN label IS NOT NULL THEN row END) AS rows
CALL (nodes, rows) {
  WITH nodes, rows WHERE nodes > 0
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID(),
    v.merges = reduce(total = coalesce(v.merges, 0), row IN rows | total + row.merges)
}
UNWIND CASE WHEN rows = [] THEN [null] ELSE rows END AS row
RETURN nodes, count(CASE row.label WHEN 'Conversation' THEN 1 END) AS conversations,
  count(CASE row.label WHEN 'Message' THEN 1 END) AS messages,
  count(CASE row.label WHEN 'Document' THEN 1 END) AS documents,
  count(CASE row.label WHEN 'Decision' THEN 1 END) AS decisions,
  count(CASE row.label WHEN 'Instruction' THEN 1 END) AS instructions,
  count(CASE row.label WHEN 'Chunk' THEN 1 END) + coalesce(sum(row.passages), 0) AS passages,
  count(CASE WHEN row.label IN ['Entity', 'MergedEntity'] THEN 1 END)
    + coalesce(sum(row.merged_entities), 0) AS entities,
  coalesce(sum(row.merges), 0) AS merges, coalesce(sum(row.mentions), 0) AS mentions,
  coalesce(sum(row.relationships), 0) AS relationships;
