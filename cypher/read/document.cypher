// Read a document.
// Columns: document (map), passages (integer), entity_ids (list of strings). No row: the document
// does not exist.
// Plan: one seek, and one expand over the passages.
:param batch => {namespace: "default", id: "handbook"}
MATCH (d:Document {namespace: $batch.namespace, id: $batch.id})
RETURN d {.id, .content, .metadata, .project_path, .created_ms, .updated_ms} AS document,
  COUNT { (d)-[:HAS_CHUNK]->() } AS passages,
  COLLECT { MATCH (d)-[:HAS_CHUNK]->()-[:MENTIONS]->(e:Entity) RETURN DISTINCT e.id AS id ORDER BY id } AS entity_ids;
