// Read entities by id.
// Columns: id (string), fresh (false), properties (map, without the vector), has_vector (boolean).
:param batch => {namespace: "default", ids: ["DataProcessor"], vector_property: "embedding"}
UNWIND $batch.ids AS id
MATCH (e:Entity {namespace: $batch.namespace, id: id})
RETURN e.id AS id, false AS fresh, e[$batch.vector_property] IS NOT NULL AS has_vector,
  e {.name, .type, .description, .confidence, .aliases, .metadata, .origin, .created_ms}
    AS properties;
