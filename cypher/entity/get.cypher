// One entity.
// Columns: id (string), properties (map, without the vector). No row: there is no such entity.
:param namespace => "default"
:param id => "DataProcessor"
MATCH (e:Entity {namespace: $namespace, id: $id})
RETURN e.id AS id, e {.name, .type, .description, .confidence, .aliases, .metadata, .origin, .created_ms} AS properties;
