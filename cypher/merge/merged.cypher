// Into which entity was each merged one merged? That one may have been merged itself.
// Columns: merges (integer, how often entities were merged or that undone), pairs (list of [merged id, id it was merged into]).
// No row: nothing was ever written.
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
