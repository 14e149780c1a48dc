// Write a merge or an unmerge: relabel entities, write or delete their mentions, relationships and
// decisions, and save the `Merge` node. `merge/claim` has locked the entities.
// Columns: texts (number of texts whose mentions have changed).
// Rows whose `properties` are null are deleted. Restored entities are relabeled first, merged ones
// last, when they must not have relationships any more. If a concurrent writer has added one, a
// guard rolls everything back.
// A merged entity has no vectors: migrations to other embedding models do not see it. A restored one
// gets a vector of the model in use, and loses all that an older version left to it. If the texts
// that named an entity were deleted since the merge, it is deleted when the merge is undone.
// Texts and decisions get new filter tokens for the types that they mention.
// The namespace gets another version at the very end, and a higher number of merges, by which
// writers see that an id refers to another entity than they read. If another writer was first, a
// guard rolls everything back.
:param batch => {namespace: "default", now: 1767225600000, restored: [{id: "beta", label: "Class", vector: [0.1, 0.2]}], mentions: [{label: "Message", text_id: "conv-123:0", entity: "Acme", properties: {start: 0, end: 4, count: 1, confidence: 0.9, extractor: "rule"}}], relationships: [{source: "Acme", target: "pandas", type: "USES", properties: {name: "uses", confidence: 0.9}}], decisions: [{decision: "decision:1", entity: "Acme", is_linked: true}], changed: [{id: "Acme", properties: {aliases: ["Acme Corp"]}}], merged: [{id: "acme_corp", label: "Organization"}], merge: {id: "merge:1", kept_id: "Acme", merged_ids: ["acme_corp"]}, undo: false, expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
CALL () {
  UNWIND $batch.restored AS row
  MATCH (e:MergedEntity {namespace: $batch.namespace, id: row.id})
  REMOVE e:MergedEntity
  SET e:Entity, e.updated_ms = $batch.now
  SET e:$(row.label)
  FOREACH (key IN [key IN keys(e) WHERE key STARTS WITH 'embedding'] | REMOVE e[key])
  WITH e, row
  CALL db.create.setNodeVectorProperty(e, $batch.expected_state.vector_property, row.vector)
  RETURN count(*) AS restored
}
CALL () {
  UNWIND $batch.mentions AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.entity})
  MATCH (m:Message|Chunk|Conversation {namespace: $batch.namespace, id: row.text_id})
  WHERE row.label IN labels(m)
  CALL (e, m, row) {
    WITH e, m, row WHERE row.properties IS NULL
    MATCH (m)-[old:MENTIONS]->(e)
    DELETE old
  }
  CALL (e, m, row) {
    WITH e, m, row WHERE row.properties IS NOT NULL
    MERGE (m)-[r:MENTIONS]->(e)
    SET r = row.properties
  }
  RETURN collect(DISTINCT m) AS texts
}
CALL () {
  UNWIND $batch.relationships AS row
  MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
  MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
  CALL (a, b, row) {
    WITH a, b, row WHERE row.properties IS NULL
    MATCH (a)-[old:$(row.type)]->(b)
    DELETE old
  }
  CALL (a, b, row) {
    WITH a, b, row WHERE row.properties IS NOT NULL
    MERGE (a)-[r:$(row.type)]->(b)
    SET r = row.properties
  }
  RETURN size($batch.relationships) - count(*) AS missing_relationships
}
CALL () {
  UNWIND $batch.decisions AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.entity})
  MATCH (d:Decision {namespace: $batch.namespace, id: row.decision})
  CALL (e, d, row) {
    WITH e, d, row WHERE NOT row.is_linked
    MATCH (d)-[old:ABOUT]->(e)
    DELETE old
  }
  CALL (e, d, row) {
    WITH e, d, row WHERE row.is_linked
    MERGE (d)-[:ABOUT]->(e)
  }
  RETURN collect(DISTINCT d) AS decisions
}
CALL (texts, decisions) {
  UNWIND texts + decisions AS m
  WITH m, coalesce(m.mentioned, []) AS old
  CALL (m) {
    MATCH (m)-[:MENTIONS|ABOUT]->(x:Entity)
    RETURN collect(DISTINCT x.type_facet) AS types
  }
  SET m.mentioned = types, m.facets = [f IN m.facets WHERE NOT f IN old] + types
}
CALL () {
  UNWIND $batch.changed AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
  SET e += row.properties, e.updated_ms = $batch.now
}
CALL () {
  UNWIND $batch.merged AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
  REMOVE e:Entity, e:$(row.label)
  SET e:MergedEntity
  FOREACH (key IN [key IN keys(e) WHERE key STARTS WITH 'embedding'] | REMOVE e[key])
  WITH e WHERE EXISTS { (e)--(x) WHERE NOT x:Merge }
  RETURN count(*) AS linked_entities
}
CALL () {
  MERGE (g:Merge {namespace: $batch.namespace, id: $batch.merge.id})
  SET g += $batch.merge, g.created_ms = coalesce(g.created_ms, $batch.now),
    g.updated_ms = $batch.now
  WITH g
  CALL (g) {
    WITH g WHERE $batch.undo
    MATCH (g)-[old:INTO|MERGED]->()
    DELETE old
  }
  CALL (g) {
    WITH g WHERE NOT $batch.undo
    MATCH (k:Entity {namespace: $batch.namespace, id: g.kept_id})
    MERGE (g)-[:INTO]->(k)
  }
  CALL (g) {
    UNWIND $batch.merged AS row
    MATCH (e:MergedEntity {namespace: $batch.namespace, id: row.id})
    MERGE (g)-[:MERGED]->(e)
  }
}
CALL () {
  UNWIND CASE WHEN $batch.undo THEN $batch.restored + $batch.changed ELSE [] END AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
  WHERE e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT|INTO]-() }
    AND NOT EXISTS { (e)--(:Entity) }
  DETACH DELETE e
}
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
  WITH v, $batch.expected_state AS expected
  FOREACH (new IN CASE WHEN v.vectors_revision IS NULL THEN [expected] ELSE [] END |
    SET v.embedding_model = new.model, v.vector_size = new.size, v.vectors = new.vector_property,
      v.vectors_revision = new.revision)
  WITH v, expected,
    v.vectors_revision <> expected.revision OR v.embedding_model <> expected.model
      OR coalesce(v.merges, 0) <> expected.merges AS is_stale
  SET v.merges = coalesce(v.merges, 0) + 1
  WITH v, is_stale
  WHERE is_stale
  RETURN sum(size(range(0, 1, v.vectors_revision * 0))) AS guard
}
RETURN CASE WHEN linked_entities + missing_relationships > 0 THEN 1 / (linked_entities * 0)
  ELSE size(texts) END AS texts;
