// Return the version of a namespace; every write gives it a new one.
// Columns: version (string). No row: nothing was ever written.
:param namespace => "default"
MATCH (v:NamespaceVersion {namespace: $namespace})
RETURN v.version AS version;
