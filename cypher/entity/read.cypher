// Entities by id, locked for the rest of the transaction, so that what is computed from them still holds when it is written.
// Columns: id (string), properties (map, without the vector), has_vector (boolean).
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", ids: ["DataProcessor"]}
UNWIND $batch.ids AS id
MATCH (e:Entity {namespace: $batch.namespace, id: id})
SET e.updated_ms = e.updated_ms
RETURN e.id AS id, e {.name, .type, .description, .confidence, .aliases, .metadata, .origin, .created_ms} AS properties;
