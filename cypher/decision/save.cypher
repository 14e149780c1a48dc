// Save a decision under its conversation, and link it to the entities that it is about. A
// conversation that does not exist is created without messages. The decision inherits project, tags
// and metadata filters of its conversation.
// Columns: created, conversation_created (booleans), linked (number of entities that it is about),
// created_ms (integer).
// `expected_state` is the namespace's vector state as the caller read it; a guard compares it with
// the present one.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", conversation_id: "conv-123", now: 1767225600000, id: "conv-123:decision:1", conversation: {mode: "hybrid", project: "", tags: [], content: "", facets: ["1"]}, properties: {decision_type: "architecture", context: "Two designs", outcome: "The simple one", content: "Two designs. The simple one", kind: "decision", facets: ["1"], status: "accepted"}, vector: null, conversation_token: "1", entity_ids: ["DataProcessor"], expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
CYPHER replan=skip
MERGE (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
ON CREATE SET c += $batch.conversation, c.revision = 0, c.created_ms = $batch.now,
  c.updated_ms = $batch.now, c.kind = 'conversation', c.fresh = true
WITH c, coalesce(c.fresh, false) AS conversation_created
REMOVE c.fresh, c.lock
MERGE (d:Decision {namespace: $batch.namespace, id: $batch.id})
ON CREATE SET d.created_ms = $batch.now, d.fresh = true
WITH c, d, conversation_created, coalesce(d.fresh, false) AS created
REMOVE d.fresh, d.lock
SET d += $batch.properties, d.updated_ms = $batch.now, d.timestamp_ms = d.created_ms,
  d.project = coalesce(c.project, ''),
  d.facets = $batch.properties.facets + [
    f IN c.facets WHERE f <> $batch.conversation_token AND NOT f IN $batch.properties.facets
      AND NOT f IN coalesce(c.mentioned, [])
  ]
MERGE (c)-[:HAS_DECISION]->(d)
WITH d, conversation_created, created
CALL (d) {
  WITH d WHERE $batch.vector IS NOT NULL
  CALL db.create.setNodeVectorProperty(d, $batch.expected_state.vector_property, $batch.vector)
  REMOVE d[$batch.expected_state.inactive_property]
}
CALL (d) {
  UNWIND $batch.entity_ids AS id
  MATCH (e:Entity {namespace: $batch.namespace, id: id})
  MERGE (d)-[:ABOUT]->(e)
  RETURN collect(DISTINCT e.type_facet) AS types
}
SET d.mentioned = types, d.facets = d.facets + [type IN types WHERE NOT type IN d.facets]
WITH d, conversation_created, created
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
RETURN created, conversation_created, COUNT { (d)-[:ABOUT]->() } AS linked,
  d.created_ms AS created_ms;
