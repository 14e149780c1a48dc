// Link texts to the entities that they mention, and write what they do not assert.
// Columns: texts (integer: how many of them exist), missing (integer: how many of the entities do
// not exist).
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", rows: [{label: "Message", id: "conv-123:0", unasserted: {}, mentions: [{id: "DataProcessor", properties: {start: 4, end: 17, count: 1, confidence: 0.9, extractor: "rule"}}]}]}
UNWIND $batch.rows AS row
MATCH (t:Message|Chunk|Conversation {namespace: $batch.namespace, id: row.id})
WHERE row.label IN labels(t)
CALL (t, row) {
  UNWIND row.mentions AS mentioned
  MATCH (e:Entity {namespace: $batch.namespace, id: mentioned.id})
  MERGE (t)-[r:MENTIONS]->(e)
  SET r += mentioned.properties
  RETURN collect(DISTINCT e.type_facet) AS types, count(e) AS linked
}
SET t.mentioned = [f IN coalesce(t.mentioned, []) WHERE NOT f IN types] + types,
  t.facets = [f IN t.facets WHERE NOT f IN types] + types, t += row.unasserted
WITH count(t) AS texts, coalesce(sum(size(row.mentions) - linked), 0) AS missing
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN texts, missing;
