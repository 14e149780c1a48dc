// Replace the mentions of some messages and passages, and their support of relationships.
// Columns: applied (number of texts that still had the text that was read), removed (list of maps
// id, name, type: deleted entities that no evidence supports any more).
// `retyped` are extracted entities whose type changes: their label and filter tokens change, and
// the filter tokens of the texts that mention them.
// Plan: each text is locked before its guard is read. Entities come sorted by id, so that
// concurrent writers take locks in the same order; `REMOVE e.lock` locks those that exist.
// A relationship that another writer deletes while this one waits for it is missing at the end.
// If a concurrent merge or unmerge has moved mentions meanwhile, a text mentions too much. In both
// cases a guard rolls everything back.
// `expected_state` is the namespace's vector state as the caller read it; a guard compares it with
// the present one.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", now: 1767225600000, texts: [{id: "conv-123:0", guard: "1", entities: [{id: "pandas", properties: {start: 0, end: 6, count: 1, confidence: 0.5, extractor: "pattern:technology"}}], unasserted: {unasserted: null, unasserted_ids: null}}], entities: [{id: "pandas", label: "Technology", vector: null, properties: {name: "pandas", type: "technology", type_facet: "1"}}], retyped: [{id: "pandas", label: "Technology", stale_label: "Library", properties: {type: "technology", type_facet: "1", facets: ["1"]}}], relations: [], max_evidence: 50, expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
CALL () {
  UNWIND $batch.texts AS row
  MATCH (m:Message|Chunk {namespace: $batch.namespace, id: row.id})
  SET m.updated_ms = $batch.now
  WITH m, row
  WHERE coalesce(m.content_hash, toString(m.created_ms)) = row.guard
  RETURN collect({node: m, row: row}) AS texts
}
CALL (texts) {
  UNWIND texts AS text
  WITH text.node AS m
  MATCH (m)-[mention:MENTIONS]->(e:Entity)
  CALL (m, e) {
    MATCH (e)-[r]->(:Entity)
    WHERE m.id IN r.sources
    SET r.sources = [id IN r.sources WHERE id <> m.id]
    WITH r WHERE size(r.sources) = 0 AND r.origin = 'extracted' AND r.capped IS NULL
    DELETE r
  }
  DELETE mention
  RETURN collect(DISTINCT e) AS mentioned_entities
}
CALL () {
  UNWIND $batch.entities AS row
  MERGE (e:Entity {namespace: $batch.namespace, id: row.id})
  ON CREATE SET e += row.properties, e.created_ms = $batch.now, e.updated_ms = $batch.now,
    e:$(row.label)
  REMOVE e.lock
  WITH e, row
  CALL (e, row) {
    WITH e, row WHERE row.vector IS NOT NULL AND e[$batch.expected_state.vector_property] IS NULL
    CALL db.create.setNodeVectorProperty(e, $batch.expected_state.vector_property, row.vector)
  }
}
CALL () {
  UNWIND $batch.retyped AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
  WHERE e.origin = 'extracted'
  SET e += row.properties, e.updated_ms = $batch.now
  REMOVE e:$(row.stale_label)
  SET e:$(row.label)
  WITH e
  MATCH (e)<-[:MENTIONS]-(m)
  WITH DISTINCT m, coalesce(m.mentioned, []) AS old
  CALL (m) { MATCH (m)-[:MENTIONS]->(x:Entity) RETURN collect(DISTINCT x.type_facet) AS types }
  SET m.mentioned = types, m.facets = [f IN m.facets WHERE NOT f IN old] + types
}
CALL (texts) {
  UNWIND texts AS text
  WITH text.node AS m, text.row AS row
  CALL (m, row) {
    UNWIND row.entities AS mentioned
    MATCH (e:Entity {namespace: $batch.namespace, id: mentioned.id})
    CREATE (m)-[r:MENTIONS]->(e)
    SET r += mentioned.properties
    RETURN collect(DISTINCT e.type_facet) AS types
  }
  WITH m, row, types, coalesce(m.mentioned, []) AS old
  SET m.mentioned = types, m.facets = [f IN m.facets WHERE NOT f IN old] + types, m += row.unasserted
}
CALL (texts) {
  WITH [text IN texts | text.row.id] AS text_ids
  UNWIND $batch.relations AS row
  WITH row, [id IN row.sources WHERE id IN text_ids] AS new_sources
  WHERE size(new_sources) > 0
  MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
  MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
  MERGE (a)-[r:$(row.type)]->(b)
  ON CREATE SET r += row.properties, r.created_ms = $batch.now, r.sources = []
  SET r.updated_ms = $batch.now
  WITH a, b, r, new_sources, coalesce(r.sources, []) AS old
  WITH a, b, r, old + [id IN new_sources WHERE NOT id IN old] AS sources
  SET r.sources = sources[..$batch.max_evidence],
    r.capped = CASE WHEN size(sources) > $batch.max_evidence THEN true ELSE r.capped END
  RETURN count(CASE WHEN r.id IS NOT NULL OR EXISTS { (a)-[x]->(b) WHERE x = r } THEN 1 END)
    AS written_relations
}
CALL (mentioned_entities) {
  UNWIND mentioned_entities AS e
  WITH e ORDER BY e.id
  SET e.updated_ms = e.updated_ms
  WITH e
  WHERE e:Entity AND e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() }
    AND NOT EXISTS { (e)--(:Entity) }
  WITH e, {id: e.id, name: e.name, type: e.type} AS entity
  DETACH DELETE e
  RETURN collect(entity) AS removed_entities
}
CALL (texts) {
  UNWIND texts AS text
  WITH text.node AS m, text.row AS row
  WHERE COUNT { (m)-[:MENTIONS]->() } <> size(row.entities)
  RETURN count(*) AS surplus_mentions
}
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
  WITH v, $batch.expected_state AS expected
  WHERE expected IS NOT NULL
  FOREACH (new IN CASE WHEN v.vectors_revision IS NULL THEN [expected] ELSE [] END |
    SET v.embedding_model = new.model, v.vector_size = new.size, v.vectors = new.vector_property,
      v.vectors_revision = new.revision)
  WITH v, expected
  WHERE v.vectors_revision <> expected.revision OR v.embedding_model <> expected.model
    OR (coalesce(v.merges, 0) <> expected.merges AND (
    EXISTS { UNWIND expected.ids AS id MATCH (:MergedEntity {namespace: $batch.namespace, id: id}) }
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
WITH texts, removed_entities, surplus_mentions, written_relations,
  size([row IN $batch.relations WHERE any(text IN texts WHERE text.row.id IN row.sources)])
    AS supported_relations
RETURN CASE WHEN surplus_mentions > 0 OR written_relations < supported_relations
    THEN 1 / (surplus_mentions * 0)
  ELSE size(texts) END AS applied, removed_entities AS removed;
