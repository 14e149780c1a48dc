// Which patterns does a namespace have for types of its own, if they are other than the known ones?
// Columns: version (integer), patterns (JSON; null when `known` is their version). No row: it has none, and never had any.
:param namespace => "default"
:param known => 0
MATCH (p:EntityPatterns {namespace: $namespace})
RETURN p.version AS version, CASE WHEN p.version = $known THEN null ELSE p.patterns END AS patterns;
