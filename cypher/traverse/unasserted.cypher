// Read the texts that deny, plan or suppose relations of some entities, with the entities at the
// ends of those relations.
// Columns: text_id (string), statements (list of JSON), entities (list of maps id, name, type,
// description, parts), is_cut (whether an entity has more such texts than `max_texts`).
// Plan: one seek per entity of the frontier, and one expand over its mentions. The statements have
// the ids of the names in the text, so the `parts` of a mention say what they were merged into.
:param batch => {namespace: "default", frontier: ["DataProcessor"], max_texts: 200}
UNWIND $batch.frontier AS id
MATCH (a:Entity {namespace: $batch.namespace, id: id})
CALL (a) {
  MATCH (a)<-[r:MENTIONS]-(m:Message|Chunk)
  WHERE m.unasserted IS NOT NULL AND (a.id IN m.unasserted_ids OR r.parts IS NOT NULL)
  WITH m ORDER BY m.timestamp_ms DESC, m.id LIMIT $batch.max_texts + 1
  RETURN collect(m) AS texts
}
WITH collect({texts: texts[..$batch.max_texts], is_cut: size(texts) > $batch.max_texts}) AS groups
UNWIND groups AS group
UNWIND group.texts AS m
WITH DISTINCT m, any(g IN groups WHERE g.is_cut) AS is_cut
CALL (m) {
  MATCH (m)-[r:MENTIONS]->(e:Entity)
  WHERE e.id IN m.unasserted_ids OR r.parts IS NOT NULL
  RETURN collect(e {.id, .name, .type, .description, parts: r.parts}) AS entities
}
RETURN m.id AS text_id, m.unasserted AS statements, entities, is_cut;
