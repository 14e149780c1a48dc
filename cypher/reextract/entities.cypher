// What becomes of entities when some places no longer mention them, and others do?
// Columns: id, name, type, origin, goes (whether nothing would support the entity any more).
// Plan: one seek per entity. Its relationships go when all that supports them is in `lost`, unless somebody wrote them or their list of support is cut.
:param batch => {namespace: "default", entities: [{id: "pandas", lost: ["conv-123:0"]}]}
UNWIND $batch.entities AS row
MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
RETURN e.id AS id, e.name AS name, e.type AS type, e.origin AS origin,
  size(row.lost) > 0 AND e.origin = 'extracted'
  AND NOT EXISTS { MATCH (e)<-[:MENTIONS|ABOUT]-(x) WHERE NOT x.id IN row.lost }
  AND NOT EXISTS {
    MATCH (e)-[r]-(:Entity)
    WHERE coalesce(r.origin, '') <> 'extracted' OR r.capped OR any(source IN coalesce(r.sources, []) WHERE NOT source IN row.lost)
  } AS goes;
