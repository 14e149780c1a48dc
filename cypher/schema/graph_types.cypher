// Have the relationship types of the graph itself exist, so that a database that is full of other types still takes them.
// Columns: types (integer).
// Plan: a type that exists stays as it is.
:param types => ["HAS_MESSAGE", "RELATED_TO"]
UNWIND $types AS type
CALL db.createRelationshipType(type)
RETURN count(*) AS types;
