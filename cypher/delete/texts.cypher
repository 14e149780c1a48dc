// Delete texts, and what only they support: mentions, relationships, entities.
// Columns: messages, passages, decisions, instructions, conversations, mentions, relationships, entities,
// weakened (integers: how many were deleted; the last one counts relationships that only lost
// sources), descriptions (list of strings that were sentences of the texts), snapshots (list of maps
// id, snapshot: merges that may hold ids and sentences of the texts).
// `text_prefix` begins the ids of texts that were extracted for the conversation without being
// stored. With `preview` the nodes of the texts stay; the caller rolls everything back.
// Plan: the texts are locked first (removing a property that they never have writes nothing), then the entities that they mention, by id, as all writers do.
// Relationships are found from the entities, not from each mention, so that an entity that many texts
// mention is expanded once.
// A relationship whose list of sources was cut is deleted when no text mentions both of its ends.
// `evidence` and `description` are sentences of one text; they stay where another text has them.
// A merge may have moved mentions meanwhile: a guard then rolls everything back. The number of merges
// is read without a lock: a merge that is just being committed has locks of these texts or entities.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", now: 1767225600000, messages: ["conv-123:0"], passages: [], decisions: [], conversations: [], text_prefix: null, preview: false}
CYPHER replan=skip
CALL () {
  OPTIONAL MATCH (v:NamespaceVersion {namespace: $batch.namespace})
  RETURN coalesce(v.merges, 0) AS merges
}
CALL () {
  CALL () {
    UNWIND $batch.messages AS id
    MATCH (t:Message {namespace: $batch.namespace, id: id})
    RETURN t, 'message' AS kind
    UNION ALL
    UNWIND $batch.passages AS id
    MATCH (t:Chunk {namespace: $batch.namespace, id: id})
    RETURN t, 'passage' AS kind
    UNION ALL
    UNWIND $batch.decisions AS id
    MATCH (t:Decision {namespace: $batch.namespace, id: id})
    RETURN t, 'decision' AS kind
    UNION ALL
    UNWIND $batch.conversations AS id
    MATCH (t:Conversation {namespace: $batch.namespace, id: id})
    RETURN t, 'conversation' AS kind
  }
  REMOVE t.lock
  RETURN collect(t) AS texts, collect(CASE WHEN kind <> 'conversation' THEN t.id END) AS ids,
    count(CASE WHEN kind = 'message' THEN 1 END) AS messages,
    count(CASE WHEN kind = 'passage' THEN 1 END) AS passages,
    count(CASE WHEN kind = 'conversation' THEN 1 END) AS conversations,
    count(CASE WHEN kind = 'decision' THEN 1 END) AS decisions
}
CALL (texts) {
  UNWIND texts AS t
  MATCH (t)-[:MENTIONS|ABOUT]->(e:Entity)
  WITH e, collect(t) AS own ORDER BY e.id
  SET e.updated_ms = $batch.now
  RETURN collect(e) AS entities, collect({entity: e, texts: own}) AS mentioned
}
CALL (mentioned) {
  UNWIND mentioned AS row
  WITH row.entity AS e, row.texts AS own
  MATCH (e) (()<-[:INTO]-(:Merge)-[:MERGED]->()){0,20} (x)
  WHERE x.description <> '' AND (x.origin = 'extracted' OR EXISTS { (x)<-[:INTO]-(:Merge) })
  UNWIND own AS t
  WITH t, collect(x) AS candidates
  WITH candidates, t:Conversation AS has_all, t.content AS content
  UNWIND candidates AS x
  WITH x WHERE has_all OR content CONTAINS x.description
  RETURN collect(DISTINCT x) AS described
}
CALL (texts) {
  UNWIND texts AS t
  MATCH (t)-[mention:MENTIONS|ABOUT]->(:Entity)
  DELETE mention
  RETURN count(*) AS mentions
}
CALL (entities, ids) {
  UNWIND entities AS e
  MATCH (e)-[r]->(:Entity)
  WHERE any(id IN r.sources WHERE id IN ids OR coalesce(id STARTS WITH $batch.text_prefix, false))
    OR (r.capped AND size(r.sources) = 0)
  SET r.sources = [id IN r.sources
    WHERE NOT (id IN ids OR coalesce(id STARTS WITH $batch.text_prefix, false))]
  RETURN collect(r) AS supported
}
CALL (supported) {
  UNWIND supported AS r
  WITH r, startNode(r) AS a, endNode(r) AS b
  WITH r, r.origin = 'extracted' AND size(r.sources) = 0 AND (r.capped IS NULL
    OR NOT EXISTS { (a)<-[:MENTIONS|ABOUT]-(x)-[:MENTIONS|ABOUT]->(b) }) AS is_lost
  FOREACH (lost IN CASE WHEN is_lost THEN [r] ELSE [] END | DELETE lost)
  RETURN count(CASE WHEN is_lost THEN 1 END) AS relationships,
    collect(CASE WHEN is_lost THEN null ELSE r END) AS weakened
}
CALL (weakened) {
  UNWIND weakened AS r
  WITH r WHERE r.evidence IS NOT NULL AND NOT EXISTS {
    UNWIND r.sources AS id
    MATCH (x:Message|Chunk|Decision {namespace: $batch.namespace, id: id})
    WHERE x.content CONTAINS r.evidence
    RETURN x
  }
  REMOVE r.evidence
}
CALL (described) {
  UNWIND described AS x
  WITH x, x.description AS description
  WHERE NOT EXISTS { (x)<-[:MENTIONS]-(t) WHERE t.content CONTAINS x.description }
  SET x.description = ''
  RETURN collect(description) AS descriptions
}
CALL (entities) {
  UNWIND entities AS e
  MATCH (e) (()<-[:INTO]-(:Merge)-[:MERGED]->()){0,20} (x)<-[:INTO]-(g:Merge)
  WHERE g.snapshot IS NOT NULL
  RETURN collect(DISTINCT g {.id, .snapshot}) AS snapshots
}
CALL (entities) {
  UNWIND entities AS e
  WITH e
  WHERE e:Entity AND e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() }
    AND NOT EXISTS { (e)--(:Entity) }
  DETACH DELETE e
  RETURN count(*) AS removed_entities
}
CALL (texts) {
  UNWIND texts AS t
  MATCH (t)<-[:EVIDENCED_BY]-(i:Instruction)
  DETACH DELETE i
  RETURN count(*) AS instructions
}
CALL (texts) {
  UNWIND texts AS t
  MATCH (t)-[:HAS_CHUNK]->(k:Chunk)
  RETURN collect(k) AS chunks
}
CALL (texts, chunks) {
  UNWIND CASE WHEN $batch.preview THEN [] ELSE chunks + texts END AS node
  DETACH DELETE node
}
CALL (merges) {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
  WITH v, coalesce(v.merges, 0) - merges AS moved
  RETURN CASE WHEN moved > 0 THEN 1 / (moved * 0) ELSE 0 END AS guard
}
RETURN messages, passages + size(chunks) AS passages, decisions, instructions, conversations,
  mentions, relationships, size(weakened) AS weakened, removed_entities AS entities,
  descriptions, snapshots;
