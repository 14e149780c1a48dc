// Wait until every index is ready.
// Parameter: seconds to wait at most. Columns: none.
:param seconds => 60
CALL db.awaitIndexes($seconds);
