// Create the relationship types that the graph itself needs.
// Columns: types (integer).
// Plan: a database without room for further types then still takes these. A type that exists is
// left as it is.
:param types => ["HAS_MESSAGE", "RELATED_TO"]
UNWIND $types AS type
CALL db.createRelationshipType(type)
RETURN count(*) AS types;
