// Add types to the list of those that a namespace ever stored.
// Columns: is_too_long (boolean, whether a list is now over its limit; the caller then rolls the
// transaction back).
// Plan: the last statement of a transaction that stores a new type. Setting the version locks the
// node before the lists are read, so that nobody else adds to them until the commit.
:param batch => {namespace: "default", relationship_types: ["USES"], entity_labels: ["Library"], max_relationship_types: 500, max_entity_labels: 200}
MERGE (v:NamespaceVersion {namespace: $batch.namespace})
SET v.version = randomUUID()
WITH v, coalesce(v.relationship_types, []) AS types, coalesce(v.entity_labels, []) AS labels
WITH v, types, labels, [type IN $batch.relationship_types WHERE NOT type IN types] AS new_types,
  [label IN $batch.entity_labels WHERE NOT label IN labels] AS new_labels
SET v.relationship_types = types + new_types, v.entity_labels = labels + new_labels
RETURN (size(new_types) > 0 AND size(types) + size(new_types) > $batch.max_relationship_types)
  OR (size(new_labels) > 0 AND size(labels) + size(new_labels) > $batch.max_entity_labels) AS is_too_long;
