// Which relationship types does the database know? The server never forgets one, so their number is capped.
// Columns: type (string).
CALL db.relationshipTypes() YIELD relationshipType
RETURN relationshipType AS type;
