// What lies around some entities: they themselves, their neighbourhood of up to two relationships, and what mentions or is about those.
// Columns: best first. id, kind, conversation_id, content, description, timestamp_ms, metadata when asked for, name, document_id, start, end, score (0 to 1), through (names of
// the entities that led there, strongest first, at most 5).
// A path weighs the product of its start's weight, the confidences of its relationships, and one half for each of them. What several
// entities lead to scores as independent evidence: 1 - (1 - a)(1 - b)...
// Plan: one seek per start; at most `fan` relationships of each entity, the most confident first, and `fan` messages of each, the latest
// first, so that a supernode stays cheap.
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", starts: [{id: "DataProcessor", weight: 1.0}], fan: 50, linked: 500, kinds: ["message", "entity", "decision", "conversation"], groups: [["1"]], bounded: false, start_ms: 0, end_ms: 1767225600000, confidence_min: 0.0, limit: 10, metadata: false}
UNWIND $batch.starts AS start
MATCH (e:Entity {namespace: $batch.namespace, id: start.id})
CALL (e, start) {
  RETURN e AS x, start.weight AS weight
  UNION ALL
  CALL (e) {
    MATCH (e)-[r:!MENTIONS&!ABOUT]-(x:Entity)
    WHERE x.namespace = $batch.namespace AND x <> e
    RETURN x, r.confidence AS confidence
    ORDER BY r.confidence DESC, x.id
    LIMIT $batch.fan
  }
  RETURN x, start.weight * 0.5 * confidence AS weight
  UNION ALL
  CALL (e) {
    MATCH (e)-[r:!MENTIONS&!ABOUT]-(y:Entity)
    WHERE y.namespace = $batch.namespace AND y <> e
    WITH e, y, r.confidence AS first
    ORDER BY first DESC, y.id
    LIMIT $batch.fan
    CALL (e, y) {
      MATCH (y)-[r:!MENTIONS&!ABOUT]-(x:Entity)
      WHERE x.namespace = $batch.namespace AND x <> e AND x <> y
      RETURN x, r.confidence AS second
      ORDER BY second DESC, x.id
      LIMIT $batch.fan
    }
    RETURN x, first * second AS confidence
  }
  RETURN x, start.weight * 0.25 * confidence AS weight
}
WITH x, max(weight) AS weight
WITH x, weight
ORDER BY weight DESC, x.id
LIMIT $batch.linked
CALL (x, weight) {
  RETURN x AS n, weight AS w
  UNION ALL
  CALL (x) {
    MATCH (x)<-[r:MENTIONS|ABOUT]-(n:Message|Conversation|Decision|Chunk)
    WHERE n.namespace = $batch.namespace
      AND n.kind IN $batch.kinds
      AND all(tokens IN $batch.groups WHERE any(token IN tokens WHERE token IN n.facets))
    RETURN n, coalesce(r.confidence, 1.0) AS confidence
    ORDER BY coalesce(n.timestamp_ms, n.created_ms) DESC, n.id
    LIMIT $batch.linked
  }
  RETURN n, 0.9 * weight * confidence AS w
}
WITH n, x, w
WHERE n.kind IN $batch.kinds
  AND all(tokens IN $batch.groups WHERE any(token IN tokens WHERE token IN n.facets))
  AND (
    NOT $batch.bounded
    OR (
      $batch.start_ms <= coalesce(n.timestamp_ms, n.created_ms) <= $batch.end_ms
      AND coalesce(n.confidence, 1.0) >= $batch.confidence_min
    )
  )
WITH n, x, w
ORDER BY w DESC
WITH n, 1 - reduce(left = 1.0, one IN collect(w) | left * (1 - one)) AS score, collect(x.name)[..5] AS through
WITH n, score, through
ORDER BY score DESC, coalesce(n.timestamp_ms, n.created_ms) DESC, n.id
LIMIT $batch.limit
RETURN n.id AS id, n.kind AS kind, n.conversation_id AS conversation_id, n.content AS content, n.description AS description,
  coalesce(n.timestamp_ms, n.created_ms) AS timestamp_ms, n.name AS name, n.document_id AS document_id, n.start AS start, n.end AS end,
  CASE WHEN $batch.metadata THEN n.metadata END AS metadata, score, through;
