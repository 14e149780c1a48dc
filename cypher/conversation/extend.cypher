// Save a conversation whose stored messages stay as they are: its properties, new messages in order,
// their passages, mentions, entities and relationships.
// Columns: guard (null). No row: the conversation has another revision than the one that was read;
// nothing is written.
// Plan: `conversation/save` without the parts for stored messages that change (a test compares the
// two). Its comments hold here, too. A server needs half the time to plan this one.
:param batch => {namespace: "default", conversation_id: "conv-123", revision: 0, now: 1767225600000, conversation: {mode: "hybrid", project: "", tags: [], content: "", facets: ["1"]}, created: [{properties: {id: "conv-123:0", conversation_id: "conv-123", position: 0, role: "user", content: "Hello", kind: "message", facets: ["1"]}, vector: null}], last_stored_id: null, links: null, ends: [], instructions: [], chunks: [], entities: [], mentions: [], relations: [], max_evidence: 50, expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
CYPHER replan=skip
MERGE (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
ON CREATE SET c.revision = 0, c.created_ms = $batch.now, c.kind = 'conversation'
SET c.updated_ms = $batch.now
WITH c
WHERE c.revision = $batch.revision
SET c.revision = $batch.revision + 1, c += $batch.conversation,
  c.facets = $batch.conversation.facets + coalesce(c.mentioned, [])
WITH c
CALL (c) {
  OPTIONAL MATCH (p:Message {namespace: $batch.namespace, id: $batch.last_stored_id})
  UNWIND $batch.created AS row
  CREATE (c)-[:HAS_MESSAGE]->(m:Message {namespace: $batch.namespace, created_ms: $batch.now,
    updated_ms: $batch.now})
  SET m += row.properties
  WITH p AS last, m, row
  CALL (m, row) {
    WITH m, row WHERE row.vector IS NOT NULL
    CALL db.create.setNodeVectorProperty(m, $batch.expected_state.vector_property, row.vector)
  }
  WITH last, collect(m) AS created
  WHERE $batch.links IS NULL
  WITH CASE WHEN last IS NULL THEN created ELSE [last] + created END AS chain
  UNWIND range(1, size(chain) - 1) AS i
  WITH chain[i - 1] AS a, chain[i] AS b
  CREATE (a)-[:NEXT]->(b)
}
CALL () {
  UNWIND $batch.links AS row
  MATCH (m:Message {namespace: $batch.namespace, id: row.id})
  CALL (m) { MATCH (m)<-[old:NEXT]-() DELETE old }
  MATCH (parent:Message {namespace: $batch.namespace, id: row.parent_id})
  CREATE (parent)-[:NEXT]->(m)
}
CALL (c) {
  UNWIND $batch.ends AS id
  CALL (c, id) {
    MATCH (:Message {namespace: $batch.namespace, id: id})<-[:NEXT*0..]-(m)
    WITH DISTINCT c, m
    REMOVE m.alternative
    WITH c, m
    CALL (c, m) {
      MATCH (m)<-[:NEXT]-()-[:NEXT]->(other)
      RETURN other
      UNION ALL
      WITH c, m WHERE NOT EXISTS { (m)<-[:NEXT]-() }
      MATCH (c)-[:HAS_MESSAGE]->(other)
      WHERE other <> m AND NOT EXISTS { (other)<-[:NEXT]-() }
      RETURN other
    }
    SET other.alternative = true
  }
}
CALL () {
  UNWIND $batch.chunks AS row
  MATCH (m:Message {namespace: $batch.namespace, id: row.properties.message_id})
  CREATE (m)-[:HAS_CHUNK]->(k:Chunk {namespace: $batch.namespace, created_ms: $batch.now,
    updated_ms: $batch.now})
  SET k += row.properties
  WITH k, row
  CALL db.create.setNodeVectorProperty(k, $batch.expected_state.vector_property, row.vector)
}
CALL (c) {
  UNWIND $batch.instructions AS row
  MATCH (m:Message {namespace: $batch.namespace, id: row.message_id})
  MERGE (i:Instruction {namespace: $batch.namespace, id: row.id})
  ON CREATE SET i.created_ms = $batch.now, i.status = 'active'
  SET i += row.properties, i.updated_ms = $batch.now
  MERGE (c)-[:HAS_INSTRUCTION]->(i)
  MERGE (i)-[:EVIDENCED_BY]->(m)
  WITH i, row
  WHERE i.status = 'active'
  SET i += row.searched
  REMOVE i[$batch.expected_state.inactive_property]
  WITH i, row
  CALL db.create.setNodeVectorProperty(i, $batch.expected_state.vector_property, row.vector)
}
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
  UNWIND $batch.mentions AS row
  MATCH (m:Message {namespace: $batch.namespace, id: row.text_id})
  CALL (m, row) {
    UNWIND row.entities AS mentioned
    MATCH (e:Entity {namespace: $batch.namespace, id: mentioned.id})
    CREATE (m)-[r:MENTIONS]->(e)
    SET r += mentioned.properties
    RETURN collect(DISTINCT e.type_facet) AS types, count(*) AS linked_entities
  }
  SET m.mentioned = types, m.facets = row.facets + types, m += row.unasserted
  RETURN sum(size(row.entities) - linked_entities) AS missing_entities
}
CALL () {
  UNWIND $batch.relations AS row
  MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
  MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
  MERGE (a)-[r:$(row.type)]->(b)
  ON CREATE SET r += row.properties, r.created_ms = $batch.now, r.sources = []
  SET r.updated_ms = $batch.now,
    r.evidence = CASE WHEN r.evidence IS NULL AND r.origin = 'extracted' THEN row.properties.evidence
      ELSE r.evidence END,
    r.confidence = CASE WHEN r.origin = 'extracted' AND r.confidence < row.properties.confidence
      THEN row.properties.confidence ELSE r.confidence END
  WITH a, b, r, row, coalesce(r.sources, []) AS old
  WITH a, b, r, old + [id IN row.sources WHERE NOT id IN old] AS sources
  SET r.sources = sources[..$batch.max_evidence],
    r.capped = CASE WHEN size(sources) > $batch.max_evidence THEN true ELSE r.capped END
  RETURN size($batch.relations) - count(CASE WHEN r.id IS NOT NULL
    OR EXISTS { (a)-[x]->(b) WHERE x = r } THEN 1 END) AS missing_relations
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
RETURN CASE WHEN missing_entities + missing_relations > 0 THEN 1 / (missing_relations * 0) END AS guard;
