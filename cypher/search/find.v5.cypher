// The same as find.cypher for servers without Cypher 25, whose vector indexes have one label and no filters.
// Columns: as there. meaning_rows counts what the indexes returned before any filter (`counted`), so that the caller can look further.
// Plan: five times as many neighbours are taken from each label's index, and what is of another namespace or outside the boxes is dropped. For
// the times that the query names it is fifty times as many: no index of theirs has the times.
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", vector: [0.1, 0.2], exact: false, open: true, kinds: [], boxes: [{kind: "message", conversation_id_from: "", conversation_id_to: "z", role_from: "", role_to: "z", project_from: "", project_to: "z", start_ms: 0, end_ms: 1767225600000, confidence_min: 0.0}], scans: ["+facets:(1)"], scan: 2001, texts: ["+facets:(1)^0 +content:(hello)"], nearest: 20, looked: 100, worded: 30, seeds: 20, hits: 60, groups: [["1"]], bounded: false, start_ms: 0, end_ms: 1767225600000, confidence_min: 0.0, meaning: 0.5, words: 0.5, least: 0.05, dated: [], linked: [], judged: true, explain: false, compared: 1, reach: 2, characters: 8000, limit: 10, passages: 3, content: true, metadata: false, vectors: "embedding", index: "memory_vectors"}
CYPHER replan=skip
CALL () {
  UNWIND $batch.scans AS scan
  CALL db.index.fulltext.queryNodes('memory_text', scan, {limit: $batch.scan}) YIELD node
  RETURN collect(node) AS scanned
}
CALL (scanned) {
  CALL (scanned) {
    WITH
      CASE
        WHEN $batch.open THEN ['message', 'entity', 'decision', 'document']
        WHEN size($batch.kinds) > 0 THEN $batch.kinds
        ELSE [box IN $batch.boxes | box.kind]
      END AS kinds
    UNWIND
      [
        index IN [
          {kinds: ['message'], label: '_message'},
          {kinds: ['message', 'document'], label: '_chunk'},
          {kinds: ['entity'], label: '_entity'},
          {kinds: ['decision'], label: '_decision'}
        ]
        WHERE any(kind IN index.kinds WHERE kind IN kinds)
        | $batch.index + index.label
      ] AS index
    WITH kinds, index, 5 * CASE WHEN size($batch.boxes) > 0 THEN $batch.looked ELSE $batch.nearest END AS most
    CALL db.index.vector.queryNodes(index, most, $batch.vector) YIELD node AS n, score AS near
    RETURN n,
      CASE
        WHEN n.namespace = $batch.namespace
          AND n.kind IN kinds
          AND (
            size($batch.boxes) = 0
            OR any(
              box IN $batch.boxes
              WHERE n.kind = box.kind
                AND box.conversation_id_from <= n.conversation_id <= box.conversation_id_to
                AND box.role_from <= n.role <= box.role_to
                AND box.project_from <= n.project <= box.project_to
                AND box.start_ms <= n.timestamp_ms <= box.end_ms
                AND n.confidence >= box.confidence_min
            )
          )
          THEN near
      END AS near,
      null AS score,
      1 AS counted
    UNION ALL
    CALL () {
      UNWIND CASE WHEN size($batch.dated) > 0 THEN ['_message', '_chunk'] ELSE [] END AS label
      CALL db.index.vector.queryNodes($batch.index + label, 50 * $batch.nearest, $batch.vector) YIELD node AS n, score AS near
      WHERE n.namespace = $batch.namespace
        AND any(
          box IN $batch.dated
          WHERE n.kind = box.kind
            AND box.conversation_id_from <= n.conversation_id <= box.conversation_id_to
            AND box.role_from <= n.role <= box.role_to
            AND box.project_from <= n.project <= box.project_to
            AND box.start_ms <= n.timestamp_ms <= box.end_ms
            AND n.confidence >= box.confidence_min
        )
      RETURN n, near
      ORDER BY near DESC
      LIMIT $batch.nearest
    }
    RETURN n, near, null AS score, 0 AS counted
    UNION ALL
    UNWIND scanned AS node
    CALL (node) {
      RETURN node AS n
      UNION ALL
      MATCH (node)-[:HAS_CHUNK]->(n:Chunk)
      RETURN n
    }
    WITH n
    WHERE n[$batch.vectors] IS NOT NULL
    RETURN n, vector.similarity.cosine(n[$batch.vectors], $batch.vector) AS near, null AS score, 1 AS counted
    UNION ALL
    UNWIND $batch.texts AS text
    CALL db.index.fulltext.queryNodes('memory_text', text, {limit: $batch.worded}) YIELD node, score
    RETURN node AS n, null AS near, score, 0 AS counted
    UNION ALL
    UNWIND $batch.linked AS link
    MATCH (n:Message {namespace: $batch.namespace, id: link})
    RETURN n, null AS near, null AS score, 0 AS counted
  }
  WITH
    CASE WHEN n:Chunk AND n.kind = 'message' THEN head([(m:Message)-[:HAS_CHUNK]->(n) | m]) ELSE n END AS n,
    CASE
      WHEN near IS NULL THEN null
      WHEN $batch.exact THEN 2 * vector.similarity.cosine(n[$batch.vectors], $batch.vector) - 1
      ELSE 2 * near - 1
    END AS near,
    score,
    counted
  WITH n, max(near) AS near, max(score) AS score, sum(counted) AS near_rows, count(score) AS score_rows
  WITH n, n.kind AS kind, near, score, near_rows, score_rows,
    n.namespace = $batch.namespace
    AND all(tokens IN $batch.groups WHERE any(token IN tokens WHERE token IN n.facets))
    AND (
      NOT $batch.bounded
      OR (
        $batch.start_ms <= coalesce(n.timestamp_ms, n.created_ms) <= $batch.end_ms
        AND coalesce(n.confidence, 1.0) >= $batch.confidence_min
      )
    ) AS passes
  WITH n, kind, near_rows, score_rows, passes,
    CASE WHEN passes THEN near END AS near,
    CASE WHEN passes THEN score END AS score,
    CASE WHEN passes AND kind <> 'entity' THEN near END AS plain_near,
    CASE WHEN passes AND kind <> 'entity' THEN score END AS plain_score
  RETURN
    collect(
      CASE
        WHEN passes AND (near IS NOT NULL OR score IS NOT NULL OR n.id IN $batch.linked) THEN {n: n, kind: kind, near: near, score: score}
      END
    ) AS hits,
    sum(near_rows) AS meaning_rows, sum(score_rows) AS words_rows,
    collect(near) AS nears, collect(score) AS scores,
    min(plain_near) AS meaning_low, max(plain_near) AS meaning_high,
    min(plain_score) AS least_words, max(plain_score) AS words_high,
    count(DISTINCT CASE WHEN near IS NOT NULL THEN CASE kind WHEN 'document' THEN n.document_id ELSE n END END) AS meaning_kept,
    count(DISTINCT CASE WHEN score IS NOT NULL THEN CASE kind WHEN 'document' THEN n.document_id ELSE n END END) AS words_kept,
    count(CASE kind WHEN 'message' THEN near END) AS meaning_messages,
    count(CASE kind WHEN 'message' THEN score END) AS words_messages
}
WITH *, CASE WHEN words_rows < $batch.worded THEN 0.0 ELSE least_words END AS words_low
CALL (hits, meaning_low, meaning_high, words_low, words_high) {
  UNWIND hits AS hit
  WITH hit
  WHERE hit.kind = 'message'
  WITH hit.n AS m, hit.near AS near, hit.score AS score,
    CASE
      WHEN hit.near IS NULL THEN 0.0
      WHEN meaning_high = meaning_low THEN $batch.meaning
      ELSE $batch.meaning * ($batch.least + (1 - $batch.least) * (hit.near - meaning_low) / (meaning_high - meaning_low))
    END +
    CASE
      WHEN hit.score IS NULL THEN 0.0
      WHEN words_high = words_low THEN $batch.words
      ELSE $batch.words * ($batch.least + (1 - $batch.least) * (hit.score - words_low) / (words_high - words_low))
    END AS own
  ORDER BY own DESC, m.id
  LIMIT $batch.hits
  WITH collect({m: m, own: own, near: near, score: score}) AS found
  CALL (found) {
    UNWIND found AS hit
    RETURN hit.m AS c, hit, 0 AS steps
    UNION ALL
    UNWIND CASE WHEN $batch.reach <= 2 THEN found[..$batch.seeds] ELSE [] END AS hit
    WITH hit, hit.m AS m
    MATCH (m)-[r:NEXT*1..2]-(c)
    WHERE size(r) <= $batch.reach
    RETURN c, hit, size(r) AS steps
    UNION ALL
    UNWIND CASE WHEN $batch.reach > 2 THEN found[..$batch.seeds] ELSE [] END AS hit
    WITH hit, hit.m AS m
    MATCH (m)-[r:NEXT*1..5]-(c)
    WHERE size(r) <= $batch.reach
    RETURN c, hit, size(r) AS steps
  }
  WITH c, min(steps) AS distance,
    max(CASE steps WHEN 0 THEN hit.own END) AS own,
    max(CASE steps WHEN 0 THEN hit.near END) AS near,
    max(CASE steps WHEN 0 THEN hit.score END) AS score,
    collect(CASE WHEN $batch.explain THEN {id: hit.m.id, steps: steps, own: hit.own} END) AS seeds
  WITH c, distance, own, near, score, seeds,
    all(tokens IN $batch.groups WHERE any(token IN tokens WHERE token IN c.facets))
    AND (NOT $batch.bounded OR $batch.start_ms <= c.timestamp_ms <= $batch.end_ms) AS passes
  RETURN collect([
    c.id, c.conversation_id, c.timestamp_ms,
    CASE WHEN $batch.content THEN left(c.content, $batch.characters) END,
    $batch.content AND size(c.content) > $batch.characters,
    CASE WHEN $batch.metadata THEN c.metadata END,
    near, score, coalesce(own, 0.0), passes, seeds,
    c.position,
    c.name,
    CASE
      WHEN NOT $batch.judged OR distance > $batch.compared THEN null
      WHEN near IS NULL THEN 2 * vector.similarity.cosine(c[$batch.vectors], $batch.vector) - 1
      ELSE near
    END
  ]) AS messages
}
CALL (hits) {
  CALL (hits) {
    UNWIND hits AS hit
    WITH hit
    WHERE hit.kind <> 'message' AND hit.near IS NOT NULL
    WITH hit
    ORDER BY hit.near DESC
    WITH CASE hit.kind WHEN 'document' THEN hit.n.document_id ELSE hit.n END AS thing, max(hit.near) AS best, collect(hit) AS passages
    WITH best, passages
    ORDER BY best DESC
    LIMIT $batch.limit
    UNWIND passages[..$batch.passages] AS hit
    RETURN hit
    UNION
    UNWIND hits AS hit
    WITH hit
    WHERE hit.kind <> 'message' AND hit.score IS NOT NULL
    WITH hit
    ORDER BY hit.score DESC
    WITH CASE hit.kind WHEN 'document' THEN hit.n.document_id ELSE hit.n END AS thing, max(hit.score) AS best, collect(hit) AS passages
    WITH best, passages
    ORDER BY best DESC
    LIMIT $batch.limit
    UNWIND passages[..$batch.passages] AS hit
    RETURN hit
  }
  WITH hit, hit.n AS n
  RETURN collect({
    id: n.id, kind: hit.kind, conversation_id: n.conversation_id, content: n.content, description: n.description,
    timestamp_ms: coalesce(n.timestamp_ms, n.created_ms), name: n.name, aliases: n.aliases,
    document_id: n.document_id, start: n.start, end: n.end, status: n.status,
    metadata: CASE WHEN $batch.metadata THEN n.metadata END,
    meaning: hit.near, words: hit.score
  }) AS others
}
OPTIONAL MATCH (v:NamespaceVersion {namespace: $batch.namespace})
RETURN
  ['id', 'conversation_id', 'timestamp_ms', 'content', 'cut', 'metadata', 'meaning', 'words', 'own', 'passes', 'seeds', 'position', 'author', 'cosine'] AS columns,
  messages, others, v.vectors_revision AS revision, v.embedding_model AS model,
  nears, scores, meaning_low, meaning_high, words_low, words_high, meaning_rows, words_rows, size(scanned) AS scanned,
  meaning_kept, words_kept, meaning_messages, words_messages;
