// Read entities to compare with each other, those with the most mentions first.
// Columns: id, name, type, description, aliases, metadata (JSON or null), mentions (integer),
// contexts (ids of the conversations and documents that name it), neighbors (ids of related
// entities), vector (list of numbers or null). Contexts and neighbors are cut at `max_related`.
// Plan: the namespace's entities by the index of their constraint; one expand each over their
// mentions and their relationships.
:param batch => {namespace: "default", types: null, limit: 5000, max_related: 1000, vector_property: "embedding"}
MATCH (e:Entity {namespace: $batch.namespace})
WHERE e.id IS NOT NULL
  AND ($batch.types IS NULL OR toLower(coalesce(e.type, 'concept')) IN $batch.types)
WITH e, COUNT { (e)<-[:MENTIONS|ABOUT]-() } AS mentions
ORDER BY mentions DESC, e.id
LIMIT $batch.limit
CALL (e) {
  MATCH (e)<-[:MENTIONS|ABOUT]-(m)
  RETURN collect(DISTINCT coalesce(
    CASE WHEN m.conversation_id <> '' THEN m.conversation_id END, m.document_id, m.id
  )) AS contexts
}
CALL (e) {
  MATCH (e)--(x:Entity)
  RETURN collect(DISTINCT x.id) AS neighbors
}
RETURN e.id AS id, e.name AS name, e.type AS type, e.description AS description,
  e.aliases AS aliases, e.metadata AS metadata, mentions,
  contexts[..$batch.max_related] AS contexts, neighbors[..$batch.max_related] AS neighbors,
  e[$batch.vector_property] AS vector;
