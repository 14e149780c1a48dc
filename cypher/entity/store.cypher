// Store extracted entities and relationships. Entities that exist keep their properties.
// Columns: entities (number of rows that were passed).
// Plan: entities come sorted by id, so that concurrent writers take locks in the same order.
// `SET updated_ms` locks an existing entity, which `MERGE` alone does not. If an entity was deleted
// between the two, it is missing later, as is a relationship that another writer deletes while this
// one waits for it: a guard then rolls everything back.
// `last` is false if another statement of the same transaction also writes vectors; that one then
// checks `expected_state`.
// `expected_state` is the namespace's vector state as the caller read it; a guard compares it with
// the present one.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", now: 1767225600000, entities: [{id: "DataProcessor", label: "Class", properties: {name: "DataProcessor", type: "class", type_facet: "1"}, vector: null}], relations: [], max_evidence: 50, last: true, expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
CYPHER replan=skip
CALL () {
  UNWIND $batch.entities AS row
  MERGE (e:Entity {namespace: $batch.namespace, id: row.id})
  ON CREATE SET e += row.properties, e.created_ms = $batch.now, e:$(row.label)
  SET e.updated_ms = $batch.now
  WITH e, row
  CALL (e, row) {
    WITH e, row WHERE row.vector IS NOT NULL AND e[$batch.expected_state.vector_property] IS NULL
    CALL db.create.setNodeVectorProperty(e, $batch.expected_state.vector_property, row.vector)
  }
}
CALL () {
  UNWIND $batch.relations AS row
  MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
  MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
  MERGE (a)-[r:$(row.type)]->(b)
  ON CREATE SET r += row.properties, r.created_ms = $batch.now, r.sources = []
  SET r.updated_ms = $batch.now
  WITH a, b, r, row, coalesce(r.sources, []) AS old
  WITH a, b, r, old + [id IN row.sources WHERE NOT id IN old] AS sources
  SET r.sources = sources[..$batch.max_evidence],
    r.capped = CASE WHEN size(sources) > $batch.max_evidence THEN true ELSE r.capped END
  RETURN size($batch.relations) - count(CASE WHEN r.id IS NOT NULL
    OR EXISTS { (a)-[x]->(b) WHERE x = r } THEN 1 END) AS missing_relations
}
CALL () {
  UNWIND $batch.entities AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
  RETURN size($batch.entities) - count(*) AS missing_entities
}
CALL () {
  WITH $batch AS batch, $batch.expected_state AS expected
  WHERE batch.last
  MERGE (v:NamespaceVersion {namespace: batch.namespace})
  SET v.version = randomUUID()
  WITH v, expected
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
RETURN CASE WHEN missing_entities + missing_relations > 0 THEN 1 / (missing_entities * 0)
  ELSE size($batch.entities) END AS entities;
