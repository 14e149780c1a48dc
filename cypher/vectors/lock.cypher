// Keep all other writes in a namespace from ending until the transaction ends.
// Columns: revision (integer). No row: the revision is not the expected one.
:param batch => {namespace: "default", revision: 2, now: 1767225600000}
MATCH (v:NamespaceVersion {namespace: $batch.namespace})
SET v.vectors_ms = $batch.now
WITH v
WHERE v.vectors_revision = $batch.revision
RETURN v.vectors_revision AS revision;
