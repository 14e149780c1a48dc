// Find what is near some entities: they themselves, their neighbors up to two relationships away,
// and what mentions or is about those.
// Columns: best first, of a document its best passage. id, kind, conversation_id, content,
// description, timestamp_ms, metadata and project when requested, name, author (of a message),
// position, aliases, status, document_id, start, end, score (0 to 1), through (names of the entities that led
// to it, strongest first, at most 5), with `explain` the path from a start through the strongest of
// them: a list of {from, relationship, direction, to}. The weight of a path is the product of its
// start's weight, the confidences of its relationships, and one half for each of them. What several
// entities lead to scores as independent evidence: 1 - (1 - a)(1 - b)...
// Plan: one seek per start; at most `fan` relationships of each entity, the most confident first,
// and of each at most `messages_per_entity` messages that the filters let through, the latest
// first, so that an entity with very many relationships stays cheap.
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", starts: [{id: "DataProcessor", weight: 1.0}], fan: 50, max_entities: 500, messages_per_entity: 500, kinds: ["message", "entity", "decision", "conversation"], groups: [["1"]], excluded: [], excluded_ids: [], bounded: false, start_ms: 0, end_ms: 1767225600000, confidence_min: 0.0, limit: 10, metadata: false, explain: false}
CYPHER replan=skip
UNWIND $batch.starts AS start
MATCH (e:Entity {namespace: $batch.namespace, id: start.id})
CALL (e, start) {
  RETURN e AS x, start.weight AS weight, CASE WHEN $batch.explain THEN [] END AS trail
  UNION ALL
  CALL (e) {
    MATCH (e)-[r:!MENTIONS&!ABOUT]-(x:Entity)
    WHERE x.namespace = $batch.namespace AND x <> e
    RETURN x, r
    ORDER BY r.confidence DESC, x.id
    LIMIT $batch.fan
  }
  RETURN x, start.weight * 0.5 * r.confidence AS weight,
    CASE
      WHEN $batch.explain
        THEN [{from: e.id, relationship: type(r), direction: CASE startNode(r) WHEN e THEN 'outgoing' ELSE 'incoming' END, to: x.id}]
    END AS trail
  UNION ALL
  CALL (e) {
    MATCH (e)-[r:!MENTIONS&!ABOUT]-(y:Entity)
    WHERE y.namespace = $batch.namespace AND y <> e
    WITH e, y, r
    ORDER BY r.confidence DESC, y.id
    LIMIT $batch.fan
    CALL (e, y) {
      MATCH (y)-[s:!MENTIONS&!ABOUT]-(x:Entity)
      WHERE x.namespace = $batch.namespace AND x <> e AND x <> y
      RETURN x, s
      ORDER BY s.confidence DESC, x.id
      LIMIT $batch.fan
    }
    RETURN x, y, r, s
  }
  RETURN x, start.weight * 0.25 * r.confidence * s.confidence AS weight,
    CASE
      WHEN $batch.explain
        THEN [
          {from: e.id, relationship: type(r), direction: CASE startNode(r) WHEN e THEN 'outgoing' ELSE 'incoming' END, to: y.id},
          {from: y.id, relationship: type(s), direction: CASE startNode(s) WHEN y THEN 'outgoing' ELSE 'incoming' END, to: x.id}
        ]
    END AS trail
}
WITH x, weight, trail
ORDER BY weight DESC
WITH x, max(weight) AS weight, head(collect(trail)) AS trail
WITH x, weight, trail
ORDER BY weight DESC, x.id
LIMIT $batch.max_entities
CALL (x, weight) {
  RETURN x AS n, weight AS w, null AS by
  UNION ALL
  CALL (x) {
    MATCH (x)<-[r:MENTIONS|ABOUT]-(n:Message|Conversation|Decision|Chunk)
    WHERE n.namespace = $batch.namespace
      AND n.kind IN $batch.kinds
      AND all(tokens IN $batch.groups WHERE any(token IN n.facets WHERE token IN tokens))
      AND (size($batch.excluded) = 0 OR none(token IN n.facets WHERE token IN $batch.excluded))
      AND (size($batch.excluded_ids) = 0 OR NOT coalesce(n.document_id, n.id) IN $batch.excluded_ids)
      AND (
        NOT $batch.bounded
        OR (
          $batch.start_ms <= coalesce(n.timestamp_ms, n.created_ms) <= $batch.end_ms
          AND coalesce(n.confidence, 1.0) >= $batch.confidence_min
        )
      )
    RETURN n, r
    ORDER BY coalesce(n.timestamp_ms, n.created_ms) DESC, n.id
    LIMIT $batch.messages_per_entity
  }
  RETURN n, 0.9 * weight * coalesce(r.confidence, 1.0) AS w, type(r) AS by
}
WITH n, x, w, trail, by
WHERE n.kind IN $batch.kinds
  AND all(tokens IN $batch.groups WHERE any(token IN n.facets WHERE token IN tokens))
  AND (size($batch.excluded) = 0 OR none(token IN n.facets WHERE token IN $batch.excluded))
  AND (size($batch.excluded_ids) = 0 OR NOT coalesce(n.document_id, n.id) IN $batch.excluded_ids)
  AND (
    NOT $batch.bounded
    OR (
      $batch.start_ms <= coalesce(n.timestamp_ms, n.created_ms) <= $batch.end_ms
      AND coalesce(n.confidence, 1.0) >= $batch.confidence_min
    )
  )
WITH n, x, w, CASE WHEN by IS NULL THEN trail ELSE trail + [{from: x.id, relationship: by, direction: 'incoming', to: n.id}] END AS path
ORDER BY w DESC
WITH n, 1 - reduce(rest = 1.0, weight IN collect(w) | rest * (1 - weight)) AS score, collect(x.name)[..5] AS through, head(collect(path)) AS path
WITH n, score, through, path
ORDER BY score DESC, coalesce(n.timestamp_ms, n.created_ms) DESC, n.id
WITH CASE n.kind WHEN 'document' THEN n.document_id ELSE n END AS shown, collect({n: n, score: score, through: through, path: path})[0] AS best
WITH best.n AS n, best.score AS score, best.through AS through, best.path AS path
ORDER BY score DESC, coalesce(n.timestamp_ms, n.created_ms) DESC, n.id
LIMIT $batch.limit
RETURN n.id AS id, n.kind AS kind, n.conversation_id AS conversation_id, n.content AS content, n.description AS description,
  coalesce(n.timestamp_ms, n.created_ms) AS timestamp_ms, n.name AS name, CASE n.kind WHEN 'message' THEN n.name END AS author, n.role AS role,
  n.position AS position, n.aliases AS aliases, n.status AS status, n.document_id AS document_id, n.start AS start, n.end AS end,
  CASE WHEN $batch.metadata THEN n.metadata END AS metadata, CASE WHEN $batch.metadata THEN n.project END AS project, score, through, path;
