// Read a namespace's own entity patterns, unless the caller knows this version.
// Columns: version (integer), patterns (JSON; null if `known_version` is their version). No row:
// the namespace never had patterns.
// Plan: the node is locked first, by removing a property that it never has, so that a new version
// never comes with old patterns.
:param namespace => "default"
:param known_version => 0
MATCH (p:EntityPatterns {namespace: $namespace})
REMOVE p.lock
WITH p
RETURN p.version AS version,
  CASE WHEN p.version = $known_version THEN null ELSE p.patterns END AS patterns;
