// Take a message out of the order of its conversation: its neighbors are linked, and later messages
// move up by one position. If it was the last one, the conversation's `last_id` is its predecessor.
// Columns: conversation_id (string). No row: the message does not exist.
// Plan: the conversation is locked before anything else of it is read.
:param batch => {namespace: "default", id: "conv-123:0", now: 1767225600000}
MATCH (:Message {namespace: $batch.namespace, id: $batch.id})<-[:HAS_MESSAGE]-(c:Conversation)
SET c.updated_ms = $batch.now, c.revision = c.revision + 1
WITH c
MATCH (m:Message {namespace: $batch.namespace, id: $batch.id})<-[:HAS_MESSAGE]-(c)
OPTIONAL MATCH (before:Message)-[:NEXT]->(m)
OPTIONAL MATCH (m)-[:NEXT]->(after:Message)
FOREACH (a IN CASE WHEN after IS NULL THEN [] ELSE [before] END |
  FOREACH (b IN CASE WHEN a IS NULL THEN [] ELSE [after] END | CREATE (a)-[:NEXT]->(b)))
FOREACH (last IN CASE WHEN after IS NULL THEN [c] ELSE [] END | SET last.last_id = before.id)
WITH c, m
CALL (c, m) {
  MATCH (c)-[:HAS_MESSAGE]->(later:Message)
  WHERE later.position > m.position
  SET later.position = later.position - 1
}
RETURN c.id AS conversation_id;
