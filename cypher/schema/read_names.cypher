// Read entities that were stored without the form in which the spellings of a name meet.
// Columns: key (string), id, name, aliases, facets.
// Plan: the index of a constraint is scanned until the page is full.
:param batch => {label: "Entity", limit: 1000}
CALL () {
  WITH $batch AS batch WHERE batch.label = 'Entity'
  MATCH (n:Entity) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.folded IS NULL AND n.name IS NOT NULL
  RETURN n LIMIT $batch.limit
  UNION ALL
  WITH $batch AS batch WHERE batch.label = 'MergedEntity'
  MATCH (n:MergedEntity) WHERE n.namespace IS NOT NULL AND n.id IS NOT NULL AND n.folded IS NULL AND n.name IS NOT NULL
  RETURN n LIMIT $batch.limit
}
RETURN elementId(n) AS key, n.id AS id, n.name AS name, n.aliases AS aliases, n.facets AS facets;
