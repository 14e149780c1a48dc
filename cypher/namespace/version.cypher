// Which state is a namespace in? Every write gives it another one, never seen before.
// Columns: version (string). No row: nothing was ever written.
:param namespace => "default"
MATCH (v:NamespaceVersion {namespace: $namespace})
RETURN v.version AS version;
