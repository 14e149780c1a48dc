// Store entities and relationships that were found in a text, whatever they hang on. Entities that exist keep their own properties.
// Columns: entities (how many were given, integer).
// Plan: entities come sorted by id, so that concurrent writers take their locks in one order.
// To set `updated_ms` locks an entity that exists, which `MERGE` alone does not. One that was deleted between the two is missing later: the
// division by zero at the end rolls everything back then, and the client tries again.
// Everything comes in one map: the planner then sees one kind of parameter, where lists of other lengths would be planned anew.
// The namespace gets another version at the very end, so that its lock is held for the commit only; where the transaction goes on, `last` is false.
// `space` says where vectors go. Where another model's are in use by now, or one of the names means another entity, a range with a step of zero rolls everything back.
:param batch => {namespace: "default", now: 1767225600000, entities: [{id: "DataProcessor", label: "Class", properties: {name: "DataProcessor", type: "class", type_facet: "1"}, vector: null}], relations: [], evidence: 50, last: true, space: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vectors: "embedding", other: "embedding_none", revision: 1, merges: 0, ids: [], followed: []}}
CYPHER replan=skip
CALL () {
  UNWIND $batch.entities AS row
  MERGE (e:Entity {namespace: $batch.namespace, id: row.id})
  ON CREATE SET e += row.properties, e.created_ms = $batch.now, e:$(row.label)
  SET e.updated_ms = $batch.now
  WITH e, row
  CALL (e, row) {
    WITH e, row WHERE row.vector IS NOT NULL AND e[$batch.space.vectors] IS NULL
    CALL db.create.setNodeVectorProperty(e, $batch.space.vectors, row.vector)
  }
}
CALL () {
  UNWIND $batch.relations AS row
  MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
  MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
  MERGE (a)-[r:$(row.type)]->(b)
  ON CREATE SET r += row.properties, r.created_ms = $batch.now, r.sources = []
  SET r.updated_ms = $batch.now
  WITH r, row, coalesce(r.sources, []) + [id IN row.sources WHERE NOT id IN coalesce(r.sources, [])] AS sources
  SET r.sources = sources[..$batch.evidence], r.capped = CASE WHEN size(sources) > $batch.evidence THEN true ELSE r.capped END
  RETURN size($batch.relations) - count(*) AS unrelated
}
CALL () {
  UNWIND $batch.entities AS row
  MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
  RETURN size($batch.entities) - count(*) AS lost
}
CALL () {
  WITH $batch AS batch, $batch.space AS space
  WHERE batch.last
  MERGE (v:NamespaceVersion {namespace: batch.namespace})
  SET v.version = randomUUID()
  WITH v, space
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
RETURN CASE WHEN lost + unrelated > 0 THEN 1 / (lost * 0) ELSE size($batch.entities) END AS entities;
