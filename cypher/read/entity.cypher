// Read an entity, and count what refers to it.
// Columns: entity (map), mentions, relationships (integers), merged_ids (list of strings: entities
// that were merged into it). No row: the entity does not exist.
// Plan: one seek; degrees are read from the node.
:param batch => {namespace: "default", id: "DataProcessor"}
MATCH (e:Entity {namespace: $batch.namespace, id: $batch.id})
RETURN e {.id, .name, .type, .description, .confidence, .aliases, .metadata, .created_ms, .updated_ms, .origin} AS entity,
  COUNT { (e)<-[:MENTIONS]-() } AS mentions, COUNT { (e)--(:Entity) } AS relationships,
  COLLECT {
    MATCH (e) (()<-[:INTO]-(:Merge)-[:MERGED]->()){1,20} (x:MergedEntity)
    RETURN DISTINCT x.id AS id ORDER BY id
  } AS merged_ids;
