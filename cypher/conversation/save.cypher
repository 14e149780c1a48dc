// Save a conversation: its properties, new and changed messages in order, their passages, mentions,
// entities and relationships.
// Columns: guard (null). No row: the conversation has another revision than the one that was read;
// nothing is written.
// Plan: the conversation is locked first, so that two writers of one conversation wait for each
// other. Entities come sorted by id, so that writers of different conversations take locks in the
// same order. Vectors are set by procedure, which accepts them in binary.
// Where the conversation has branches, `links` has the parents of messages, else it is null. Each of
// the branches that end with one of `ends` becomes the current one in turn: at each message where
// others lead away from it, these are alternatives.
// The mentions of `stale_ids` and their support of relationships are deleted before new ones are
// written. A sentence of the old text is no longer their evidence, nor the description of an entity
// that no other text describes so. `REMOVE m.lock` locks a message
// before its mentions are read, because a merge or a reextraction may just move them.
// A proposed decision is deleted with the last message that contains its sentence; its time is that
// of the first such message. A reviewed decision stays. `REMOVE d.lock` locks it before its status
// is read.
// The instructions of changed and removed messages (`restated_ids`) are deleted, except those that
// the messages still state (`instruction_ids`); a retired one stays retired.
// Messages, decisions and instructions inherit project, tags and metadata of their conversation,
// unless they have their own.
// `SET updated_ms` locks an existing entity, which `MERGE` alone does not. If an entity was deleted
// between the two, it is missing later, as is a relationship that another writer deletes while this
// one waits for it: a guard then rolls everything back.
// Entities that may have to be deleted are locked in the same way before their support is counted.
// A concurrent merge or unmerge may have moved mentions that were to be deleted; a message then
// mentions too much, and the same guard rolls everything back.
// `expected_state` is the namespace's vector state as the caller read it; a guard compares it with
// the present one.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", conversation_id: "conv-123", revision: 0, now: 1767225600000, conversation: {mode: "hybrid", project: "", tags: [], content: "", facets: ["1"]}, stale_ids: [], removed_ids: [], changed: [], created: [{properties: {id: "conv-123:0", conversation_id: "conv-123", position: 0, role: "user", content: "Hello", kind: "message", facets: ["1"]}, vector: null}], last_stored_id: null, relink: false, links: null, ends: [], inherited: null, restated_ids: [], instruction_ids: [], instructions: [], chunks: [], entities: [], mentions: [], relations: [], max_evidence: 50, expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
CYPHER replan=skip
MERGE (c:Conversation {namespace: $batch.namespace, id: $batch.conversation_id})
ON CREATE SET c.revision = 0, c.created_ms = $batch.now, c.kind = 'conversation'
SET c.updated_ms = $batch.now
WITH c
WHERE c.revision = $batch.revision
SET c.revision = $batch.revision + 1, c += $batch.conversation,
  c.facets = $batch.conversation.facets + coalesce(c.mentioned, [])
WITH c
// Stored messages change: begin
CALL () {
  UNWIND $batch.stale_ids AS id
  MATCH (m:Message {namespace: $batch.namespace, id: id})
  REMOVE m.lock
  WITH m
  MATCH (m)-[mention:MENTIONS]->(e:Entity)
  WITH m, mention, e, CASE WHEN e.origin = 'extracted' AND e.description <> ''
    AND m.content CONTAINS e.description THEN e.id END AS described_id
  CALL (m, e) {
    MATCH (e)-[r]->(:Entity)
    WHERE m.id IN r.sources
    SET r.sources = [id IN r.sources WHERE id <> m.id],
      r.evidence = CASE WHEN m.content CONTAINS r.evidence THEN null ELSE r.evidence END
    WITH r WHERE size(r.sources) = 0 AND r.origin = 'extracted' AND r.capped IS NULL
    DELETE r
  }
  DELETE mention
  RETURN collect(DISTINCT e) AS mentioned_entities, collect(described_id) AS described_ids
}
CALL () {
  UNWIND $batch.changed AS row
  MATCH (m:Message {namespace: $batch.namespace, id: row.properties.id})
  SET m += row.properties, m.updated_ms = $batch.now,
    m.facets = row.properties.facets + coalesce(m.mentioned, [])
  WITH m, row
  CALL (m, row) {
    WITH m, row WHERE row.stale_vector
    REMOVE m[$batch.expected_state.vector_property], m[$batch.expected_state.inactive_property]
    WITH m
    MATCH (m)-[:HAS_CHUNK]->(old:Chunk)
    DETACH DELETE old
  }
  CALL (m, row) {
    WITH m, row WHERE row.vector IS NOT NULL
    CALL db.create.setNodeVectorProperty(m, $batch.expected_state.vector_property, row.vector)
  }
  CALL (m, row) {
    WITH m, row WHERE NOT row.stale_vector
    MATCH (m)-[:HAS_CHUNK]->(k:Chunk)
    SET k.role = m.role, k.project = m.project, k.timestamp_ms = m.timestamp_ms
  }
}
CALL () {
  UNWIND $batch.stale_ids AS id
  MATCH (m:Message {namespace: $batch.namespace, id: id})<-[support:EVIDENCED_BY]-(d:Decision)
  WHERE id IN $batch.removed_ids OR NOT m.content CONTAINS d.outcome
  REMOVE d.lock
  WITH support, d
  WHERE d.status = 'proposed'
  DELETE support
  WITH DISTINCT d
  CALL (d) {
    OPTIONAL MATCH (d)-[:EVIDENCED_BY]->(remaining:Message)
    RETURN min(remaining.timestamp_ms) AS first_ms
  }
  SET d.timestamp_ms = coalesce(first_ms, d.timestamp_ms)
  WITH d, first_ms
  WHERE first_ms IS NULL
  CALL (d) {
    MATCH (d)-[:ABOUT]->(e:Entity)
    CALL (d, e) {
      MATCH (e)-[r]->(:Entity)
      WHERE d.id IN r.sources
      SET r.sources = [id IN r.sources WHERE id <> d.id]
      WITH r WHERE size(r.sources) = 0 AND r.origin = 'extracted' AND r.capped IS NULL
      DELETE r
    }
    RETURN collect(e) AS entities
  }
  DETACH DELETE d
  WITH entities
  UNWIND entities AS e
  RETURN collect(DISTINCT e) AS undecided_entities
}
CALL () {
  UNWIND $batch.changed AS row
  MATCH (:Message {namespace: $batch.namespace, id: row.properties.id})
    <-[:EVIDENCED_BY]-(d:Decision)
  WITH DISTINCT d
  MATCH (d)-[:EVIDENCED_BY]->(m:Message)
  WITH d, min(m.timestamp_ms) AS first_ms
  SET d.timestamp_ms = first_ms
}
CALL () {
  UNWIND $batch.restated_ids AS id
  MATCH (:Message {namespace: $batch.namespace, id: id})<-[:EVIDENCED_BY]-(i:Instruction)
  WHERE NOT i.id IN $batch.instruction_ids
  DETACH DELETE i
}
CALL () {
  UNWIND $batch.removed_ids AS id
  MATCH (m:Message {namespace: $batch.namespace, id: id})
  OPTIONAL MATCH (m)-[:HAS_CHUNK]->(k:Chunk)
  DETACH DELETE k, m
}
// Stored messages change: end
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
// Stored messages change: begin
CALL (c) {
  WITH c WHERE $batch.relink
  MATCH (c)-[:HAS_MESSAGE]->(m:Message)
  OPTIONAL MATCH (m)-[old:NEXT]->(:Message)
  DELETE old
  REMOVE m.alternative
  WITH DISTINCT m ORDER BY m.position
  WITH collect(m) AS chain
  UNWIND range(1, size(chain) - 1) AS i
  WITH chain[i - 1] AS a, chain[i] AS b
  CREATE (a)-[:NEXT]->(b)
}
// Stored messages change: end
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
// Stored messages change: begin
CALL (c) {
  WITH c WHERE $batch.inherited IS NOT NULL
  MATCH (c)-[:HAS_MESSAGE|HAS_DECISION|HAS_INSTRUCTION]->(m)
  WITH m, coalesce(m.own_facets, []) AS own_tokens,
    $batch.inherited.tokens
      + CASE WHEN m.own_project IS NULL THEN $batch.inherited.project_tokens ELSE [] END AS new_tokens
  SET m.facets = [f IN m.facets WHERE f IN own_tokens OR NOT f IN $batch.inherited.stale_tokens]
    + [f IN new_tokens WHERE NOT f IN own_tokens],
    m.project = CASE WHEN m.own_project IS NULL THEN $batch.inherited.project ELSE m.project END
  WITH m
  MATCH (m)-[:HAS_CHUNK]->(k:Chunk)
  SET k.project = m.project
}
// Stored messages change: end
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
// Stored messages change: begin
CALL (mentioned_entities, undecided_entities, described_ids) {
  UNWIND mentioned_entities + undecided_entities AS e
  WITH DISTINCT e, described_ids ORDER BY e.id
  SET e.updated_ms = $batch.now
  WITH e, described_ids
  FOREACH (lost IN CASE WHEN e.id IN described_ids
      AND NOT EXISTS { (e)<-[:MENTIONS]-(t) WHERE t.content CONTAINS e.description }
      THEN [e] ELSE [] END |
    SET lost.description = coalesce([row IN $batch.entities WHERE row.id = lost.id | row.properties.description][0], ''))
  WITH e
  WHERE e:Entity AND e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() }
    AND NOT EXISTS { (e)--(:Entity) }
  DETACH DELETE e
}
CALL () {
  UNWIND CASE WHEN size($batch.stale_ids) > 0 THEN $batch.mentions ELSE [] END AS row
  MATCH (m:Message {namespace: $batch.namespace, id: row.text_id})
  WHERE COUNT { (m)-[:MENTIONS]->() } <> size(row.entities)
  RETURN count(*) AS surplus_mentions
}
WITH c, missing_entities + surplus_mentions AS missing_entities, missing_relations
// Stored messages change: end
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
