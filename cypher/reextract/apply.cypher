// Put what was found in some messages and passages in the place of what they mention, and of what their words support.
// Columns: applied (places that still had the text that was read), removed (list of maps id, name, type: entities that no evidence supports any more).
// Plan: each place is locked before its guard is read; entities come sorted by id, so that concurrent writers take their locks in one order.
// What a merge, or the undoing of one, has moved meanwhile would be remembered: the division by zero rolls everything back then, and the client
// tries again.
// `retyped` entities were found in text and are of another type by the present patterns: label and filter tokens follow, those of what
// mentions them too. The namespace gets another version at the very end.
// `space` says where vectors go. Where another model's are in use by now, or one of the names means another entity, a range with a step of zero rolls everything back.
:param batch => {namespace: "default", now: 1767225600000, places: [{id: "conv-123:0", guard: "1", entities: [{id: "pandas", properties: {start: 0, end: 6, count: 1, confidence: 0.5, extractor: "pattern:technology"}}]}], entities: [{id: "pandas", label: "Technology", vector: null, properties: {name: "pandas", type: "technology", type_facet: "1"}}], retyped: [{id: "pandas", label: "Technology", stale_label: "Library", properties: {type: "technology", type_facet: "1", facets: ["1"]}}], relations: [], evidence: 50, space: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vectors: "embedding", other: "embedding_none", revision: 1, merges: 0, ids: [], followed: []}}
CALL () {
  UNWIND $batch.places AS row
  MATCH (m:Message|Chunk {namespace: $batch.namespace, id: row.id})
  SET m.updated_ms = $batch.now
  WITH m, row
  WHERE coalesce(m.content_hash, toString(m.created_ms)) = row.guard
  RETURN collect({node: m, row: row}) AS places
}
CALL (places) {
  UNWIND places AS place
  WITH place.node AS m
  MATCH (m)-[mention:MENTIONS]->(e:Entity)
  CALL (m, e) {
    MATCH (e)-[r]->(:Entity)
    WHERE m.id IN r.sources
    SET r.sources = [id IN r.sources WHERE id <> m.id]
    WITH r WHERE size(r.sources) = 0 AND r.origin = 'extracted' AND r.capped IS NULL
    DELETE r
  }
  DELETE mention
  RETURN collect(DISTINCT e) AS doubtful
}
CALL () {
  UNWIND $batch.entities AS row
  MERGE (e:Entity {namespace: $batch.namespace, id: row.id})
  ON CREATE SET e += row.properties, e.created_ms = $batch.now, e.updated_ms = $batch.now, e:$(row.label)
  WITH e, row
  CALL (e, row) {
    WITH e, row WHERE row.vector IS NOT NULL AND e[$batch.space.vectors] IS NULL
    CALL db.create.setNodeVectorProperty(e, $batch.space.vectors, row.vector)
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
CALL (places) {
  UNWIND places AS place
  WITH place.node AS m, place.row AS row
  CALL (m, row) {
    UNWIND row.entities AS one
    MATCH (e:Entity {namespace: $batch.namespace, id: one.id})
    CREATE (m)-[r:MENTIONS]->(e)
    SET r += one.properties
    RETURN collect(DISTINCT e.type_facet) AS types
  }
  WITH m, types, coalesce(m.mentioned, []) AS old
  SET m.mentioned = types, m.facets = [f IN m.facets WHERE NOT f IN old] + types
}
CALL (places) {
  WITH [place IN places | place.row.id] AS known
  UNWIND $batch.relations AS row
  WITH row, [id IN row.sources WHERE id IN known] AS given
  WHERE size(given) > 0
  MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
  MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
  MERGE (a)-[r:$(row.type)]->(b)
  ON CREATE SET r += row.properties, r.created_ms = $batch.now, r.sources = []
  SET r.updated_ms = $batch.now
  WITH r, coalesce(r.sources, []) + [id IN given WHERE NOT id IN coalesce(r.sources, [])] AS sources
  SET r.sources = sources[..$batch.evidence], r.capped = CASE WHEN size(sources) > $batch.evidence THEN true ELSE r.capped END
}
CALL (doubtful) {
  UNWIND doubtful AS e
  WITH e ORDER BY e.id
  SET e.updated_ms = e.updated_ms
  WITH e
  WHERE e:Entity AND e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() } AND NOT EXISTS { (e)--(:Entity) }
  WITH e, {id: e.id, name: e.name, type: e.type} AS shown
  DETACH DELETE e
  RETURN collect(shown) AS gone
}
CALL (places) {
  UNWIND places AS place
  WITH place.node AS m, place.row AS row
  WHERE COUNT { (m)-[:MENTIONS]->() } <> size(row.entities)
  RETURN count(*) AS remembered
}
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
  WITH v, $batch.space AS space
  WHERE space IS NOT NULL
  FOREACH (new IN CASE WHEN v.vectors_revision IS NULL THEN [space] ELSE [] END |
    SET v.embedding_model = new.model, v.vector_size = new.size, v.vectors = new.vectors, v.vectors_revision = new.revision)
  WITH v, space
  WHERE v.vectors_revision <> space.revision OR v.embedding_model <> space.model OR (coalesce(v.merges, 0) <> space.merges AND (
    EXISTS { UNWIND space.ids AS id MATCH (:MergedEntity {namespace: $batch.namespace, id: id}) }
    OR EXISTS {
      UNWIND space.followed AS row
      WITH row WHERE NOT EXISTS { (:MergedEntity {namespace: $batch.namespace, id: row.id})<-[:MERGED]-(:Merge)-[:INTO]->({id: row.into}) }
      RETURN row
    }
  ))
  RETURN sum(size(range(0, 1, v.vectors_revision * 0))) AS moved
}
RETURN CASE WHEN remembered > 0 THEN 1 / (remembered * 0) ELSE size(places) END AS applied, gone AS removed;
