// Drop the fulltext index, for a version of the schema that has it over other labels.
// Columns: none.
DROP INDEX memory_text IF EXISTS;
