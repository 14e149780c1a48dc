// Which labels does the database know? The server never forgets one, so their number is capped.
// Columns: label (string).
CALL db.labels() YIELD label
RETURN label;
