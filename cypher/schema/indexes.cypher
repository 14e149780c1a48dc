// List the indexes of the database, with their shape and state.
// Columns: name, type ('RANGE', 'FULLTEXT', 'VECTOR', ...), state ('ONLINE', 'POPULATING' or
// 'FAILED'), percent (float, how far the index is filled), labels, properties (lists of strings,
// null for the indexes of labels and types), constraint (name of the one that owns the index, or
// null), config (map of the index's options).
SHOW INDEXES YIELD name, type, state, populationPercent, labelsOrTypes, properties, owningConstraint, options
RETURN name, type, state, populationPercent AS percent, labelsOrTypes AS labels, properties, owningConstraint AS constraint,
  options.indexConfig AS config;
