// Return the version of a namespace when every write that is being committed now is complete.
// Columns: version (string), merges (integer, grows with each merge and unmerge). No row: nothing was
// ever written.
// Plan: removing a property that the node never has takes its lock and writes nothing, not even to
// the transaction log. Setting a property to its own value would do the same, but `version` could
// be outdated by then, and `namespace` would also lock the entry of its constraint: a deadlock.
:param namespace => "default"
MATCH (v:NamespaceVersion {namespace: $namespace})
REMOVE v.lock
WITH v
RETURN v.version AS version, coalesce(v.merges, 0) AS merges;
