// Read into which entity each merged entity was merged. That one may have been merged itself.
// Columns: merges (integer, grows with each merge and unmerge), pairs (list of [merged id, id of
// the entity that it was merged into]). No row: nothing was ever written.
// Plan: the merged entities by the index of their constraint, which starts with the namespace.
:param namespace => "default"
MATCH (v:NamespaceVersion {namespace: $namespace})
CALL () {
  MATCH (m:MergedEntity {namespace: $namespace})
  WHERE m.id IS NOT NULL
  MATCH (m)<-[:MERGED]-(:Merge)-[:INTO]->(k)
  RETURN collect([m.id, k.id]) AS pairs
}
RETURN coalesce(v.merges, 0) AS merges, pairs;
