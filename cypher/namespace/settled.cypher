// Which state is a namespace in, once every write that is being committed now is complete?
// Columns: version (string). No row: nothing was ever written.
// Plan: to remove a property that the node never has takes its lock and writes nothing, not even to the transaction log. To set one to
// what it is would do so too, but `version` could be old by then, and `namespace` would also lock its constraint's entry: a deadlock.
:param namespace => "default"
MATCH (v:NamespaceVersion {namespace: $namespace})
REMOVE v.updated_ms
WITH v
RETURN v.version AS version;
