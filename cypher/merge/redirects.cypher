// Read into which entity each merged entity was merged. That one may have been merged itself.
// Columns: merges (integer, grows with each merge and unmerge), pairs (list of [merged id, id of
// the entity that it was merged into]). No row: nothing was ever written.
// Plan: `merges` is read first. Where entities are merged while this runs, it is too low, and a
// writer checks its pairs again; if it were too high, the writer would trust older pairs. While a
// merge is being committed, `merges` may be visible before its merged entities. So the node is
// locked first, as in `namespace/settled_version`. The merged entities by the index of their
// constraint, which starts with the namespace.
:param namespace => "default"
MATCH (v:NamespaceVersion {namespace: $namespace})
REMOVE v.lock
WITH v
WITH v.namespace AS namespace, coalesce(v.merges, 0) AS merges
CALL (namespace) {
  MATCH (m:MergedEntity {namespace: namespace})
  WHERE m.id IS NOT NULL
  MATCH (m)<-[:MERGED]-(:Merge)-[:INTO]->(k)
  RETURN collect([m.id, k.id]) AS pairs
}
RETURN merges, pairs;
