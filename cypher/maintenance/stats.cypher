// Count what a namespace holds.
// Columns: conversations, messages, entities, relationships, decisions, documents (integers), bytes
// (integer, message text in UTF-8).
// Plan: each label is counted on its constraint's index, which starts with the namespace; the
// planner uses that index only where the statement has a condition on the id too.
:param namespace => "default"
CALL () { MATCH (c:Conversation {namespace: $namespace}) WHERE c.id IS NOT NULL AND c.revision IS NOT NULL RETURN count(c) AS conversations }
CALL () { MATCH (m:Message {namespace: $namespace}) WHERE m.id IS NOT NULL RETURN count(m) AS messages, coalesce(sum(m.bytes), 0) AS bytes }
CALL () { MATCH (e:Entity {namespace: $namespace}) WHERE e.id IS NOT NULL RETURN count(e) AS entities }
CALL () { MATCH (e:Entity {namespace: $namespace})-[r]->(:Entity) WHERE e.id IS NOT NULL RETURN count(r) AS relationships }
CALL () { MATCH (d:Decision {namespace: $namespace}) WHERE d.id IS NOT NULL AND coalesce(d.status, 'accepted') <> 'rejected' RETURN count(d) AS decisions }
CALL () { MATCH (d:Document {namespace: $namespace}) WHERE d.id IS NOT NULL RETURN count(d) AS documents }
RETURN conversations, messages, entities, relationships, decisions, documents, bytes;
