// Predict which entities would be deleted if some texts no longer mentioned them.
// Columns: id, name, type, origin, is_unsupported (whether nothing would support the entity any
// more).
// Plan: one seek per entity. Its relationships do not support it if all their sources are in
// `lost`, they were extracted, and their list of sources is complete.
:param batch => {namespace: "default", entities: [{id: "pandas", lost: ["conv-123:0"]}]}
UNWIND $batch.entities AS row
MATCH (e:Entity {namespace: $batch.namespace, id: row.id})
RETURN e.id AS id, e.name AS name, e.type AS type, e.origin AS origin,
  size(row.lost) > 0 AND e.origin = 'extracted'
  AND NOT EXISTS { MATCH (e)<-[:MENTIONS|ABOUT]-(x) WHERE NOT x.id IN row.lost }
  AND NOT EXISTS {
    MATCH (e)-[r]-(:Entity)
    WHERE coalesce(r.origin, '') <> 'extracted' OR r.capped
      OR any(source IN coalesce(r.sources, []) WHERE NOT source IN row.lost)
  } AS is_unsupported;
