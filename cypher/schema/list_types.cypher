// List in each namespace the relationship types and the labels of its entities.
// Columns: namespaces (integer).
// Plan: runs once, when a store of schema version 5 is opened; until then the types of the database
// counted. Reads all entities, one namespace to a transaction, so that a repeat goes on where an
// earlier run was cut off. Setting the version locks the namespace. Must run as an auto-commit
// transaction.
CALL () {
  MATCH (e:Entity)
  WHERE e.namespace IS NOT NULL AND e.id IS NOT NULL
  RETURN DISTINCT e.namespace AS namespace
}
CALL (namespace) {
  MERGE (v:NamespaceVersion {namespace: namespace})
  SET v.version = randomUUID()
  WITH v
  WHERE v.relationship_types IS NULL
  CALL (v) {
    MATCH (e:Entity {namespace: v.namespace})
    WHERE e.id IS NOT NULL
    MATCH (e)-[r]->(:Entity)
    WITH DISTINCT type(r) AS type
    WHERE type <> 'RELATED_TO'
    RETURN collect(type) AS types
  }
  CALL (v) {
    MATCH (e:Entity {namespace: v.namespace})
    WHERE e.id IS NOT NULL
    UNWIND labels(e) AS label
    WITH DISTINCT label
    WHERE NOT label IN ['Entity', 'Concept']
    RETURN collect(label) AS labels
  }
  SET v.relationship_types = types, v.entity_labels = labels
} IN TRANSACTIONS OF 1 ROW
RETURN count(*) AS namespaces;
