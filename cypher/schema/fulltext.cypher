// Create one fulltext index over everything that a search can find by its words.
// Columns: none.
// `facets` holds filter tokens (namespace, conversation, role, ...), so that filters are evaluated
// inside the index. Passages of documents have them, passages of messages do not. The analyzer
// stems English and drops its most common words.
CREATE FULLTEXT INDEX memory_text IF NOT EXISTS
FOR (n:Message|Chunk|Entity|Decision|Conversation) ON EACH [n.content, n.facets]
OPTIONS {indexConfig: {`fulltext.analyzer`: 'english'}};
