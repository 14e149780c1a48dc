// Which indexes are there, and are they ready?
// Columns: name (string), type (string), state ('ONLINE', 'POPULATING' or 'FAILED').
SHOW INDEXES YIELD name, type, state
RETURN name, type, state;
