// Save a decision that messages of a conversation state as a proposal. These messages are its
// evidence, and the first of them gives it its time.
// Columns: created (boolean), status (string), created_ms (integer). No row: a message was changed
// or deleted; nothing is written. A reviewed decision stays as it is. A proposal is written again;
// entities that it is no longer about are unlinked first.
// Plan: one seek per message. The transaction has locked the conversation, as all writers of its
// messages do. With a new text of a decision it gets another revision, so that a save that has read
// the conversation before reads it again: it must know which decisions quote the texts that it
// replaces. `REMOVE d.lock` locks the decision before its status is read. Entities come sorted by
// id, so that writers take locks in the same order.
// `expected_state` is the namespace's vector state as the caller read it; a guard compares it with
// the present one.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", conversation_id: "conv-123", now: 1767225600000, id: "decision:1", supported_ids: ["rel:1"], properties: {conversation_id: "conv-123", decision_type: "unspecified", context: "We use it.", outcome: "We use it.", content: "We use it.", kind: "decision", facets: ["1"]}, vector: null, conversation_token: "1", entity_ids: ["DataProcessor"], evidence: [{id: "conv-123:3", hash: "1"}], expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
CYPHER replan=skip
MATCH (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
CALL (c) {
  UNWIND $batch.evidence AS row
  MATCH (m:Message {namespace: $batch.namespace, id: row.id})
  WHERE m.conversation_id = c.id AND m.content_hash = row.hash
  RETURN collect(m) AS messages, min(m.timestamp_ms) AS first_ms
}
WITH c, messages, first_ms
WHERE size(messages) = size($batch.evidence)
MERGE (d:Decision {namespace: $batch.namespace, id: $batch.id})
ON CREATE SET d.created_ms = $batch.now, d.status = 'proposed', d.fresh = true
WITH c, d, messages, first_ms, coalesce(d.fresh, false) AS created
REMOVE d.fresh, d.lock
SET c.revision = c.revision
  + CASE WHEN created OR (d.status = 'proposed' AND d.context <> $batch.properties.context) THEN 1 ELSE 0 END
WITH c, d, messages, first_ms, created
CALL (c, d, messages, first_ms) {
  WITH c, d, messages, first_ms
  WHERE d.status = 'proposed'
  CALL (d) {
    MATCH (d)-[about:ABOUT]->(e:Entity)
    CALL (d, e) {
      MATCH (e)-[r]->(:Entity)
      WHERE d.id IN r.sources AND NOT r.id IN $batch.supported_ids
      SET r.sources = [id IN r.sources WHERE id <> d.id]
      WITH r WHERE size(r.sources) = 0 AND r.origin = 'extracted' AND r.capped IS NULL
      DELETE r
    }
    WITH about, e
    WHERE NOT e.id IN $batch.entity_ids
    DELETE about
    RETURN collect(e) AS unlinked_entities
  }
  SET d += $batch.properties, d.updated_ms = $batch.now, d.timestamp_ms = first_ms,
    d.project = coalesce(c.project, ''),
    d.facets = $batch.properties.facets + [
      f IN c.facets WHERE f <> $batch.conversation_token AND NOT f IN $batch.properties.facets
        AND NOT f IN coalesce(c.mentioned, [])
    ]
  MERGE (c)-[:HAS_DECISION]->(d)
  WITH d, messages, unlinked_entities
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
  CALL (d, messages) {
    UNWIND messages AS m
    MERGE (d)-[:EVIDENCED_BY]->(m)
  }
  SET d.mentioned = types, d.facets = d.facets + [type IN types WHERE NOT type IN d.facets]
  WITH unlinked_entities
  UNWIND unlinked_entities AS e
  WITH e ORDER BY e.id
  SET e.updated_ms = $batch.now
  WITH e
  WHERE e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() }
    AND NOT EXISTS { (e)--(:Entity) }
  DETACH DELETE e
}
WITH d, created
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
RETURN created, coalesce(d.status, 'accepted') AS status, d.created_ms AS created_ms;
