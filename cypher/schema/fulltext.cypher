// One fulltext index over everything that can be found by words. `facets` holds opaque tokens (namespace, conversation, role, ...), so
// that filters are evaluated inside the index; the passages of documents have them, those of messages have not. The analyzer stems English and drops its commonest words.
// Columns: none.
CREATE FULLTEXT INDEX memory_text IF NOT EXISTS
FOR (n:Message|Chunk|Entity|Decision|Conversation) ON EACH [n.content, n.facets]
OPTIONS {indexConfig: {`fulltext.analyzer`: 'english'}};
