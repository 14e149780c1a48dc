// Delete an entity: its mentions, relationships, merges, and the entities that were merged into it.
// `delete/entity_state` has locked it.
// Columns: entities, relationships, mentions, merges, texts (integers: how many were deleted; the
// last one counts texts and decisions that mentioned it). No row: the entity does not exist.
// `texts` have their new relations that they do not assert.
// Extracted neighbors that nothing supports any more are deleted too.
// Plan: texts and decisions get new filter tokens if they mention other types than before; to write all
// texts of an entity that most texts mention would need too much memory. With merges,
// the number of merges grows, so that all writers read the redirects again. `merges` is that number
// before the transaction, read under the namespace's lock; if it is another one now, a guard rolls
// everything back.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", id: "DataProcessor", ids: ["DataProcessor"], merges: 0, texts: [{label: "Message", id: "conv-123:0", properties: {unasserted: null, unasserted_ids: null}}], now: 1767225600000}
CYPHER replan=skip
MATCH (e:Entity {namespace: $batch.namespace, id: $batch.id})
CALL (e) {
  OPTIONAL MATCH (e)<-[:MENTIONS|ABOUT]-(m)
  RETURN collect(DISTINCT m) AS texts, count(m) AS mentions
}
CALL (e) {
  OPTIONAL MATCH (e)-[r]-(x:Entity)
  WITH DISTINCT r, x ORDER BY x.id
  SET x.updated_ms = $batch.now
  RETURN count(DISTINCT r) AS relationships, [x IN collect(DISTINCT x) WHERE x.id <> $batch.id] AS neighbors
}
CALL () {
  MATCH (g:Merge {namespace: $batch.namespace})
  WHERE g.id IS NOT NULL AND (g.kept_id IN $batch.ids OR any(id IN g.merged_ids WHERE id IN $batch.ids))
  DETACH DELETE g
  RETURN count(*) AS merges
}
CALL () {
  UNWIND $batch.ids AS id
  MATCH (x:MergedEntity {namespace: $batch.namespace, id: id})
  DETACH DELETE x
  RETURN count(*) AS merged_entities
}
DETACH DELETE e
WITH texts, mentions, relationships, neighbors, merges, merged_entities
CALL (texts) {
  UNWIND texts AS m
  WITH m, coalesce(m.mentioned, []) AS old
  CALL (m) { MATCH (m)-[:MENTIONS|ABOUT]->(x:Entity) RETURN collect(DISTINCT x.type_facet) AS types }
  WITH m, old, types WHERE size(types) <> size(old) OR any(type IN types WHERE NOT type IN old)
  SET m.mentioned = types, m.facets = [f IN m.facets WHERE NOT f IN old] + types
}
CALL () {
  UNWIND $batch.texts AS row
  MATCH (m:Message|Chunk {namespace: $batch.namespace, id: row.id})
  WHERE row.label IN labels(m)
  SET m += row.properties
}
CALL (neighbors) {
  UNWIND neighbors AS x
  WITH x
  WHERE x.origin = 'extracted' AND NOT EXISTS { (x)<-[:MENTIONS|ABOUT]-() }
    AND NOT EXISTS { (x)--(:Entity) }
  DETACH DELETE x
  RETURN count(*) AS unsupported
}
CALL (merges) {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
  WITH v, merges, coalesce(v.merges, 0) - $batch.merges AS moved
  SET v.merges = CASE WHEN merges > 0 THEN coalesce(v.merges, 0) + 1 ELSE v.merges END
  RETURN CASE WHEN moved <> 0 THEN size(range(0, 1, moved * 0)) ELSE 0 END AS guard
}
RETURN 1 + merged_entities + unsupported AS entities, relationships, mentions, merges, size(texts) AS texts;
