// Drop an index that has the name of one that must exist, but not its shape, its constraint or its content. The SDK puts its name in.
// Columns: none.
DROP INDEX memory_text IF EXISTS;
