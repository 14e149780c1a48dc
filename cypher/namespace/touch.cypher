// Give a namespace another version; the last statement of a transaction whose other statements do not.
// Columns: version (string).
:param namespace => "default"
MERGE (v:NamespaceVersion {namespace: $namespace})
SET v.version = randomUUID()
RETURN v.version AS version;
