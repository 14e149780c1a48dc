// Accept or reject a decision. A rejected decision stays under its conversation, so that it is not
// proposed again, but no search finds it. Relationships and entities that it alone supports are
// deleted.
// Columns: the decision (id, conversation_id, decision_type, context, outcome, stated_confidence,
// created_ms), status (the new one), before (the old one). No row: the decision does not exist, or
// it was rejected before and cannot be accepted any more.
// Plan: one seek. `REMOVE d.lock` locks the node before its status is read; a refused acceptance
// writes nothing.
:param batch => {namespace: "default", id: "conv-123:decision:1", status: "accepted", now: 1767225600000}
MATCH (d:Decision {namespace: $batch.namespace, id: $batch.id})
REMOVE d.lock
WITH d, coalesce(d.status, 'accepted') AS before
WHERE before <> 'rejected' OR $batch.status = 'rejected'
SET d.status = $batch.status, d.updated_ms = $batch.now
WITH d, before
CALL (d) {
  WITH d WHERE $batch.status = 'rejected'
  REMOVE d.content, d.terms, d.kind
  FOREACH (key IN [key IN keys(d) WHERE key STARTS WITH 'embedding'] | REMOVE d[key])
  SET d.facets = [], d.mentioned = []
  WITH d
  MATCH (d)-[about:ABOUT]->(e:Entity)
  CALL (d, e) {
    MATCH (e)-[r]->(:Entity)
    WHERE d.id IN r.sources
    SET r.sources = [id IN r.sources WHERE id <> d.id]
    WITH r WHERE size(r.sources) = 0 AND r.origin = 'extracted' AND r.capped IS NULL
    DELETE r
  }
  DELETE about
  WITH collect(e) AS entities
  UNWIND entities AS e
  WITH e ORDER BY e.id
  SET e.updated_ms = $batch.now
  WITH e
  WHERE e.origin = 'extracted' AND NOT EXISTS { (e)<-[:MENTIONS|ABOUT]-() }
    AND NOT EXISTS { (e)--(:Entity) }
  DETACH DELETE e
}
WITH DISTINCT d, before
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN d.id AS id, d.conversation_id AS conversation_id, d.decision_type AS decision_type,
  d.context AS context, d.outcome AS outcome,
  d.stated_confidence AS stated_confidence, d.created_ms AS created_ms, d.status AS status, before;
