// Drop a constraint that has the name of one that must exist, but not its shape, or whose index failed. The SDK puts its name in.
// Columns: none.
DROP CONSTRAINT entity_id IF EXISTS;
