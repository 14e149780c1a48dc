// Create one fulltext index over everything that a search can find by its words.
// Columns: none.
// `terms` holds the terms of a text, separated by spaces; `kg/text/terms.py` makes them, and those
// of queries. `facets` holds filter tokens (namespace, conversation, role, ...), so that filters are
// evaluated inside the index. Passages of messages have neither.
CREATE FULLTEXT INDEX memory_text IF NOT EXISTS
FOR (n:Message|Chunk|Entity|Decision|Instruction|Conversation) ON EACH [n.terms, n.facets]
OPTIONS {indexConfig: {`fulltext.analyzer`: 'whitespace'}};
