// Replace the patterns of a namespace. The same patterns keep their version.
// Columns: version (integer, increased by one if the patterns differ), changed (boolean).
// Plan: the node is locked before its version is read.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", now: 1767225600000, patterns: "{}"}
MERGE (p:EntityPatterns {namespace: $batch.namespace})
ON CREATE SET p.version = 0, p.created_ms = $batch.now
SET p.updated_ms = $batch.now
WITH p, p.patterns IS NULL OR p.patterns <> $batch.patterns AS changed
SET p.version = p.version + CASE WHEN changed THEN 1 ELSE 0 END, p.patterns = $batch.patterns
WITH p, changed
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
}
RETURN p.version AS version, changed;
