// Lock entities by id, merged ones too, until the transaction ends, so that what is computed from
// them is still valid when it is written.
// Columns: id (string), merged (whether it was merged into another entity), properties (map,
// without the vector).
// Plan: a seek for each id on either label; locks are taken in the order of the ids, as all writers
// do.
:param batch => {namespace: "default", ids: ["Acme", "acme_corp"]}
UNWIND $batch.ids AS id
MATCH (e:Entity|MergedEntity {namespace: $batch.namespace, id: id})
SET e.updated_ms = e.updated_ms
RETURN e.id AS id, e:MergedEntity AS merged,
  e {.name, .type, .description, .confidence, .aliases, .metadata, .origin, .content, .facets}
    AS properties
ORDER BY id;
