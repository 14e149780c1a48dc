// List the relationship types and entity labels that a namespace ever stored, and count the
// database's.
// Columns: relationship_types, entity_labels (lists of strings), database_types, database_labels
// (integers). Always one row.
// Plan: one key. The numbers of the database come from its counts; they take a tenth of a second
// where there are 60,000.
:param namespace => "default"
CALL () {
  CALL db.relationshipTypes() YIELD relationshipType
  RETURN count(*) AS database_types
}
CALL () {
  CALL db.labels() YIELD label
  RETURN count(*) AS database_labels
}
OPTIONAL MATCH (v:NamespaceVersion {namespace: $namespace})
RETURN coalesce(v.relationship_types, []) AS relationship_types, coalesce(v.entity_labels, []) AS entity_labels,
  database_types, database_labels;
