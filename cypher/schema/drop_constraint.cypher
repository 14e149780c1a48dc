// Drop a constraint that has the name of a required one, but another shape or a failed index.
// Columns: none. The SDK replaces the name.
DROP CONSTRAINT entity_id IF EXISTS;
