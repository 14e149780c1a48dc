// Which indexes are there, and are they ready?
// Columns: name (string), type (string), state ('ONLINE', 'POPULATING' or 'FAILED'), size (numbers per vector, null but for vector indexes).
SHOW INDEXES YIELD name, type, state, options
RETURN name, type, state, options.indexConfig.`vector.dimensions` AS size;
