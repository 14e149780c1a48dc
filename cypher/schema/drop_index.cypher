// Drop an index that has the name of a required one, but another shape, no constraint, or that
// failed.
// Columns: none. The SDK replaces the name.
DROP INDEX memory_text IF EXISTS;
