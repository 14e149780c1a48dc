// Read everything that refers to some entities, in the form in which `merge/apply` writes it.
// Columns: mentions (list of maps entity, label, text_id, properties), relationships (list of maps
// source, target, type, properties; each once), decisions (list of maps entity, decision). Always
// one row.
// Plan: a seek and an expand for each entity.
:param batch => {namespace: "default", ids: ["Acme", "acme_corp"]}
CALL () {
  UNWIND $batch.ids AS id
  MATCH (e:Entity {namespace: $batch.namespace, id: id})
    <-[r:MENTIONS]-(m:Message|Chunk|Conversation)
  RETURN collect({
    entity: e.id,
    label: head([label IN labels(m) WHERE label IN ['Message', 'Chunk', 'Conversation']]),
    text_id: m.id,
    properties: properties(r)
  }) AS mentions
}
CALL () {
  UNWIND $batch.ids AS id
  MATCH (e:Entity {namespace: $batch.namespace, id: id})-[r]-(x:Entity)
  WITH DISTINCT r
  RETURN collect({
    source: startNode(r).id, target: endNode(r).id, type: type(r), properties: properties(r)
  }) AS relationships
}
CALL () {
  UNWIND $batch.ids AS id
  MATCH (e:Entity {namespace: $batch.namespace, id: id})<-[:ABOUT]-(d:Decision)
  RETURN collect({entity: e.id, decision: d.id}) AS decisions
}
RETURN mentions, relationships, decisions;
