// Save a document: its properties, its passages in order, and their mentions. Its old passages are
// deleted.
// Columns: created (boolean), passages (number of passages afterwards).
// Plan: the document is locked first, so that two writers of one document wait for each other, and
// its old passages before their mentions are read, because a reextraction may replace these. The
// mentions of old passages and their support of relationships are deleted; an entity that nothing
// supports any more is deleted at the end. `entity/store` has stored entities and relationships
// before, in the same transaction. New passages have the ids of old ones, so that `supported` lists
// for each of their relationships the passages that support it. A sentence of an old passage is the
// evidence of a relationship or the description of an entity only if another text has it; else a
// sentence of a new passage replaces it (`evidence`, `descriptions`).
// `expected_state` is the namespace's vector state as the caller read it; a guard compares it with
// the present one, and also fails if entities were merged while mentions were deleted.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", now: 1767225600000, id: "handbook", properties: {kind: "document", content: "Text", hash: "1", project: ""}, passages: [{properties: {id: "document:handbook#0", document_id: "handbook", position: 0, start: 0, end: 4, content: "Text", kind: "document", facets: ["1"]}, vector: [0.1, 0.2], mentions: [{id: "DataProcessor", properties: {start: 0, end: 4, count: 1, confidence: 0.9, extractor: "rule"}}]}], supported: {rel1: ["document:handbook#0"]}, evidence: {rel1: "Text"}, descriptions: {DataProcessor: "Text"}, expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
CYPHER replan=skip
MERGE (d:Document {namespace: $batch.namespace, id: $batch.id})
ON CREATE SET d.created_ms = $batch.now, d.fresh = true
WITH d, coalesce(d.fresh, false) AS created
REMOVE d.fresh, d.lock
SET d += $batch.properties, d.updated_ms = $batch.now
WITH d, created
CALL (d) {
  MATCH (d)-[:HAS_CHUNK]->(old:Chunk)
  REMOVE old.lock
  WITH old
  OPTIONAL MATCH (old)-[:MENTIONS]->(e:Entity)
  CALL (old, e) {
    MATCH (e)-[r]->(:Entity)
    WHERE old.id IN r.sources
    SET r.sources = [id IN r.sources
      WHERE id <> old.id OR id IN coalesce($batch.supported[r.id], [])],
      r.evidence = CASE WHEN old.content CONTAINS r.evidence
        AND none(row IN $batch.passages WHERE row.properties.content CONTAINS r.evidence)
        THEN $batch.evidence[r.id] ELSE r.evidence END
    WITH r WHERE size(r.sources) = 0 AND r.origin = 'extracted' AND r.capped IS NULL
    DELETE r
  }
  WITH collect(DISTINCT old) AS old_passages, collect(DISTINCT e) AS mentioned_entities,
    collect(CASE WHEN e.origin = 'extracted' AND e.description <> ''
      AND old.content CONTAINS e.description THEN e.id END) AS described_ids
  FOREACH (passage IN old_passages | DETACH DELETE passage)
  RETURN mentioned_entities, described_ids
}
CALL (d) {
  UNWIND $batch.passages AS row
  CREATE (d)-[:HAS_CHUNK]->(k:Chunk {namespace: $batch.namespace, created_ms: $batch.now,
    updated_ms: $batch.now})
  SET k += row.properties
  WITH k, row
  CALL db.create.setNodeVectorProperty(k, $batch.expected_state.vector_property, row.vector)
  CALL (k, row) {
    UNWIND row.mentions AS mentioned
    MATCH (e:Entity {namespace: $batch.namespace, id: mentioned.id})
    CREATE (k)-[r:MENTIONS]->(e)
    SET r += mentioned.properties
    RETURN collect(DISTINCT e.type_facet) AS types
  }
  SET k.mentioned = types, k.facets = row.properties.facets + types
  WITH k ORDER BY k.position
  WITH collect(k) AS chain
  UNWIND range(1, size(chain) - 1) AS i
  WITH chain[i - 1] AS a, chain[i] AS b
  CREATE (a)-[:NEXT]->(b)
}
CALL (mentioned_entities, described_ids) {
  UNWIND mentioned_entities AS e
  WITH e, described_ids ORDER BY e.id
  SET e.updated_ms = $batch.now
  WITH e, described_ids
  FOREACH (lost IN CASE WHEN e.id IN described_ids
      AND NOT EXISTS { (e)<-[:MENTIONS]-(t) WHERE t.content CONTAINS e.description }
      THEN [e] ELSE [] END | SET lost.description = coalesce($batch.descriptions[lost.id], ''))
  WITH e
  WHERE e:Entity AND e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() }
    AND NOT EXISTS { (e)--(:Entity) }
  DETACH DELETE e
  RETURN count(*) AS removed_entities
}
CALL (mentioned_entities) {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
  WITH v, mentioned_entities, $batch.expected_state AS expected
  WHERE expected IS NOT NULL
  FOREACH (new IN CASE WHEN v.vectors_revision IS NULL THEN [expected] ELSE [] END |
    SET v.embedding_model = new.model, v.vector_size = new.size, v.vectors = new.vector_property,
      v.vectors_revision = new.revision)
  WITH v, mentioned_entities, expected
  WHERE v.vectors_revision <> expected.revision OR v.embedding_model <> expected.model
    OR (coalesce(v.merges, 0) <> expected.merges AND (
    size(mentioned_entities) > 0
    OR EXISTS { UNWIND expected.ids AS id MATCH (:MergedEntity {namespace: $batch.namespace, id: id}) }
    OR EXISTS {
      UNWIND expected.followed AS row
      WITH row
      WHERE NOT EXISTS {
        (:MergedEntity {namespace: $batch.namespace, id: row.id})
          <-[:MERGED]-(:Merge)-[:INTO]->({id: row.into})
      }
      RETURN row
    }
  )) OR EXISTS {
    UNWIND expected.spellings AS row
    MATCH (x:Entity {namespace: $batch.namespace, folded: row.folded})
    WHERE NOT x.id IN expected.ids AND NOT x.type IN row.excluded_types
    RETURN x
  }
  RETURN sum(size(range(0, 1, v.vectors_revision * 0))) AS guard
}
RETURN created, COUNT { (d)-[:HAS_CHUNK]->() } AS passages;
