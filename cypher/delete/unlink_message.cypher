// Take a message out of the order of its conversation: the messages that follow it follow its parent
// instead, and later messages move up by one position. If it was the last one of the current branch,
// the conversation's `last_id` is its parent.
// Columns: conversation_id (string). No row: the message does not exist.
// Plan: the conversation is locked before anything else of it is read.
:param batch => {namespace: "default", id: "conv-123:0", now: 1767225600000}
MATCH (:Message {namespace: $batch.namespace, id: $batch.id})<-[:HAS_MESSAGE]-(c:Conversation)
SET c.updated_ms = $batch.now, c.revision = c.revision + 1, c.end = c.end - 1
WITH c
MATCH (m:Message {namespace: $batch.namespace, id: $batch.id})<-[:HAS_MESSAGE]-(c)
OPTIONAL MATCH (parent:Message)-[:NEXT]->(m)
WITH c, m, parent, [(m)-[:NEXT]->(child:Message) | child] AS children,
  CASE WHEN c.end IS NULL THEN NOT EXISTS { (m)-[:NEXT]->() } ELSE c.last_id = m.id END AS is_last
FOREACH (child IN children |
  FOREACH (p IN CASE WHEN parent IS NULL THEN [] ELSE [parent] END | CREATE (p)-[:NEXT]->(child))
  SET child.alternative = coalesce(child.alternative, m.alternative))
FOREACH (last IN CASE WHEN is_last THEN [c] ELSE [] END | SET last.last_id = parent.id)
WITH c, m
CALL (c, m) {
  MATCH (c)-[:HAS_MESSAGE]->(later:Message)
  WHERE later.position > m.position
  SET later.position = later.position - 1
}
RETURN c.id AS conversation_id;
