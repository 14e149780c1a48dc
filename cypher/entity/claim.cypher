// Lock entities by id until the transaction ends, so that what is computed from them is still valid
// when it is written. An entity that does not exist is created without properties, so that it is
// locked too; `entity/save` completes it in the same transaction.
// Columns: id (string), fresh (whether it was created now), properties (map, without the vector),
// has_vector (boolean).
:param batch => {namespace: "default", now: 1767225600000, ids: ["DataProcessor"], vector_property: "embedding"}
UNWIND $batch.ids AS id
MERGE (e:Entity {namespace: $batch.namespace, id: id})
ON CREATE SET e.created_ms = $batch.now, e.fresh = true
SET e.updated_ms = coalesce(e.updated_ms, $batch.now)
RETURN e.id AS id, e.fresh IS NOT NULL AS fresh, e[$batch.vector_property] IS NOT NULL AS has_vector,
  e {.name, .type, .description, .confidence, .aliases, .metadata, .origin, .created_ms}
    AS properties;
