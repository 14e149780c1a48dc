// The same as find.cypher for servers without Cypher 25, whose vector indexes have one label and no
// filters.
// Columns: as there. vector_rows counts what the indexes returned before any filter (`row_count`),
// so that the caller can look deeper.
// Plan: five times as many nodes are taken from each label's index, and what is of another
// namespace or outside the ranges is dropped. For the times that the query names it is fifty times
// as many: none of their indexes has the times.
// One map as parameter: lists of other lengths would be planned anew.
:param batch => {namespace: "default", vector: [0.1, 0.2], exact: false, open: true, kinds: [], ranges: [{kind: "message", conversation_id_from: "", conversation_id_to: "z", role_from: "", role_to: "z", project_from: "", project_to: "z", start_ms: 0, end_ms: 1767225600000, confidence_min: 0.0}], scans: ["+facets:(1)"], scan_limit: 2001, keyword_queries: ["+facets:(1)^0 +terms:(hello)"], vector_limit: 20, index_limit: 100, keyword_limit: 30, neighbor_seeds: 20, candidate_limit: 60, groups: [["1"]], excluded: [], excluded_ids: [], bounded: false, start_ms: 0, end_ms: 1767225600000, confidence_min: 0.0, vector_weight: 0.5, keyword_weight: 0.5, smallest_share: 0.05, time_ranges: [], message_ids: [], with_cosines: true, explain: false, cosine_window: 1, neighbor_window: 2, characters: 8001, limit: 10, passages: 3, content: true, metadata: false, index: "memory_vectors"}
CYPHER replan=skip
CALL () {
  UNWIND $batch.scans AS scan
  CALL db.index.fulltext.queryNodes('memory_text', scan, {limit: $batch.scan_limit}) YIELD node
  RETURN collect(node) AS scanned
}
CALL (scanned) {
  CALL (scanned) {
    WITH
      CASE
        WHEN $batch.open THEN ['message', 'entity', 'decision', 'instruction', 'document']
        WHEN size($batch.kinds) > 0 THEN $batch.kinds
        ELSE [bounds IN $batch.ranges | bounds.kind]
      END AS kinds
    UNWIND
      [
        index IN [
          {kinds: ['message'], label: '_message'},
          {kinds: ['message', 'document'], label: '_chunk'},
          {kinds: ['entity'], label: '_entity'},
          {kinds: ['decision'], label: '_decision'},
          {kinds: ['instruction'], label: '_instruction'}
        ]
        WHERE any(kind IN index.kinds WHERE kind IN kinds)
        | $batch.index + index.label
      ] AS index
    WITH kinds, index, 5 * CASE WHEN size($batch.ranges) > 0 THEN $batch.index_limit ELSE $batch.vector_limit END AS index_limit
    CALL db.index.vector.queryNodes(index, index_limit, $batch.vector) YIELD node AS n, score AS vector_score
    RETURN n,
      CASE
        WHEN n.namespace = $batch.namespace
          AND n.kind IN kinds
          AND (
            size($batch.ranges) = 0
            OR any(
              bounds IN $batch.ranges
              WHERE n.kind = bounds.kind
                AND bounds.conversation_id_from <= n.conversation_id <= bounds.conversation_id_to
                AND bounds.role_from <= n.role <= bounds.role_to
                AND bounds.project_from <= n.project <= bounds.project_to
                AND bounds.start_ms <= n.timestamp_ms <= bounds.end_ms
                AND n.confidence >= bounds.confidence_min
            )
          )
          THEN vector_score
      END AS vector_score,
      null AS keyword_score,
      1 AS row_count
    UNION ALL
    CALL () {
      UNWIND CASE WHEN size($batch.time_ranges) > 0 THEN ['_message', '_chunk'] ELSE [] END AS label
      CALL db.index.vector.queryNodes($batch.index + label, 50 * $batch.vector_limit, $batch.vector) YIELD node AS n, score AS vector_score
      WHERE n.namespace = $batch.namespace
        AND any(
          bounds IN $batch.time_ranges
          WHERE n.kind = bounds.kind
            AND bounds.conversation_id_from <= n.conversation_id <= bounds.conversation_id_to
            AND bounds.role_from <= n.role <= bounds.role_to
            AND bounds.project_from <= n.project <= bounds.project_to
            AND bounds.start_ms <= n.timestamp_ms <= bounds.end_ms
            AND n.confidence >= bounds.confidence_min
        )
      RETURN n, vector_score
      ORDER BY vector_score DESC
      LIMIT $batch.vector_limit
    }
    RETURN n, vector_score, null AS keyword_score, 0 AS row_count
    UNION ALL
    UNWIND scanned AS node
    CALL (node) {
      RETURN node AS n
      UNION ALL
      MATCH (node)-[:HAS_CHUNK]->(n:Chunk)
      RETURN n
    }
    WITH n
    WHERE n.embedding IS NOT NULL
    RETURN n, vector.similarity.cosine(n.embedding, $batch.vector) AS vector_score, null AS keyword_score, 1 AS row_count
    UNION ALL
    UNWIND $batch.keyword_queries AS keyword_query
    CALL db.index.fulltext.queryNodes('memory_text', keyword_query, {limit: $batch.keyword_limit}) YIELD node, score AS keyword_score
    RETURN node AS n, null AS vector_score, keyword_score, 0 AS row_count
    UNION ALL
    UNWIND $batch.message_ids AS message_id
    MATCH (n:Message {namespace: $batch.namespace, id: message_id})
    RETURN n, null AS vector_score, null AS keyword_score, 0 AS row_count
  }
  WITH
    CASE WHEN n:Chunk AND n.kind = 'message' THEN head([(m:Message)-[:HAS_CHUNK]->(n) | m]) ELSE n END AS n,
    CASE
      WHEN vector_score IS NULL THEN null
      WHEN $batch.exact THEN 2 * vector.similarity.cosine(n.embedding, $batch.vector) - 1
      ELSE 2 * vector_score - 1
    END AS vector_score,
    keyword_score,
    row_count
  WITH n, max(vector_score) AS vector_score, max(keyword_score) AS keyword_score, sum(row_count) AS vector_row_count, count(keyword_score) AS keyword_row_count
  WITH n, n.kind AS kind, vector_score, keyword_score, vector_row_count, keyword_row_count,
    n.namespace = $batch.namespace
    AND all(tokens IN $batch.groups WHERE any(token IN n.facets WHERE token IN tokens))
    AND (size($batch.excluded) = 0 OR none(token IN n.facets WHERE token IN $batch.excluded))
    AND (size($batch.excluded_ids) = 0 OR NOT coalesce(n.document_id, n.id) IN $batch.excluded_ids)
    AND (
      NOT $batch.bounded
      OR (
        $batch.start_ms <= coalesce(n.timestamp_ms, n.created_ms) <= $batch.end_ms
        AND coalesce(n.confidence, 1.0) >= $batch.confidence_min
      )
    ) AS is_allowed
  WITH n, kind, vector_row_count, keyword_row_count, is_allowed,
    CASE WHEN is_allowed THEN vector_score END AS vector_score,
    CASE WHEN is_allowed THEN keyword_score END AS keyword_score,
    CASE WHEN is_allowed AND kind <> 'entity' THEN vector_score END AS plain_vector_score,
    CASE WHEN is_allowed AND kind <> 'entity' THEN keyword_score END AS plain_keyword_score
  RETURN
    collect(
      CASE
        WHEN is_allowed AND (vector_score IS NOT NULL OR keyword_score IS NOT NULL OR n.id IN $batch.message_ids) THEN {n: n, kind: kind, vector_score: vector_score, keyword_score: keyword_score}
      END
    ) AS candidates,
    sum(vector_row_count) AS vector_rows, sum(keyword_row_count) AS keyword_rows,
    collect(vector_score) AS vector_scores, collect(keyword_score) AS keyword_scores,
    min(plain_vector_score) AS vector_min, max(plain_vector_score) AS vector_max,
    min(plain_keyword_score) AS lowest_keyword_score, max(plain_keyword_score) AS keyword_max,
    count(DISTINCT CASE WHEN vector_score IS NOT NULL THEN CASE kind WHEN 'document' THEN n.document_id ELSE n END END) AS vector_matches,
    count(DISTINCT CASE WHEN keyword_score IS NOT NULL THEN CASE kind WHEN 'document' THEN n.document_id ELSE n END END) AS keyword_matches,
    count(CASE kind WHEN 'message' THEN vector_score END) AS vector_messages,
    count(CASE kind WHEN 'message' THEN keyword_score END) AS keyword_messages
}
WITH *, CASE WHEN keyword_rows < $batch.keyword_limit THEN 0.0 ELSE lowest_keyword_score END AS keyword_min
CALL (candidates, vector_min, vector_max, keyword_min, keyword_max) {
  UNWIND candidates AS candidate
  WITH candidate
  WHERE candidate.kind = 'message'
  WITH candidate.n AS m, candidate.vector_score AS vector_score, candidate.keyword_score AS keyword_score,
    CASE
      WHEN candidate.vector_score IS NULL THEN 0.0
      WHEN vector_max = vector_min THEN $batch.vector_weight
      ELSE $batch.vector_weight * ($batch.smallest_share + (1 - $batch.smallest_share) * (candidate.vector_score - vector_min) / (vector_max - vector_min))
    END +
    CASE
      WHEN candidate.keyword_score IS NULL THEN 0.0
      WHEN keyword_max = keyword_min THEN $batch.keyword_weight
      ELSE $batch.keyword_weight * ($batch.smallest_share + (1 - $batch.smallest_share) * (candidate.keyword_score - keyword_min) / (keyword_max - keyword_min))
    END AS retrieval_score
  ORDER BY retrieval_score DESC, m.id
  LIMIT $batch.candidate_limit
  WITH collect({m: m, retrieval_score: retrieval_score, vector_score: vector_score, keyword_score: keyword_score}) AS best
  CALL (best) {
    UNWIND best AS candidate
    RETURN candidate.m AS c, candidate, 0 AS steps
    UNION ALL
    UNWIND CASE WHEN $batch.neighbor_window <= 2 THEN best[..$batch.neighbor_seeds] ELSE [] END AS candidate
    WITH candidate, candidate.m AS m
    MATCH (m)-[r:NEXT*1..2]-(c)
    WHERE size(r) <= $batch.neighbor_window AND (startNode(r[-1]) = c
      OR (startNode(r[0]) = m AND none(step IN r WHERE endNode(step).alternative IS NOT NULL)))
    RETURN c, candidate, size(r) AS steps
    UNION ALL
    UNWIND CASE WHEN $batch.neighbor_window > 2 THEN best[..$batch.neighbor_seeds] ELSE [] END AS candidate
    WITH candidate, candidate.m AS m
    MATCH (m)-[r:NEXT*1..5]-(c)
    WHERE size(r) <= $batch.neighbor_window AND (startNode(r[-1]) = c
      OR (startNode(r[0]) = m AND none(step IN r WHERE endNode(step).alternative IS NOT NULL)))
    RETURN c, candidate, size(r) AS steps
  }
  WITH c, min(steps) AS distance,
    max(CASE steps WHEN 0 THEN candidate.retrieval_score END) AS retrieval_score,
    max(CASE steps WHEN 0 THEN candidate.vector_score END) AS vector_score,
    max(CASE steps WHEN 0 THEN candidate.keyword_score END) AS keyword_score,
    collect(CASE WHEN $batch.explain THEN {id: candidate.m.id, steps: steps, retrieval_score: candidate.retrieval_score} END) AS neighbor_seeds
  WITH c, distance, retrieval_score, vector_score, keyword_score, neighbor_seeds,
    all(tokens IN $batch.groups WHERE any(token IN c.facets WHERE token IN tokens))
    AND (size($batch.excluded) = 0 OR none(token IN c.facets WHERE token IN $batch.excluded))
    AND (size($batch.excluded_ids) = 0 OR NOT c.id IN $batch.excluded_ids)
    AND (NOT $batch.bounded OR $batch.start_ms <= c.timestamp_ms <= $batch.end_ms) AS is_allowed
  RETURN collect([
    c.id, c.conversation_id, c.timestamp_ms,
    CASE WHEN $batch.content THEN left(c.content, $batch.characters) END,
    CASE WHEN $batch.metadata THEN c.metadata END,
    vector_score, keyword_score, coalesce(retrieval_score, 0.0), is_allowed, neighbor_seeds,
    c.position,
    c.name,
    c.role,
    CASE
      WHEN NOT $batch.with_cosines OR distance > $batch.cosine_window THEN null
      WHEN vector_score IS NULL THEN 2 * vector.similarity.cosine(c.embedding, $batch.vector) - 1
      ELSE vector_score
    END,
    CASE WHEN $batch.metadata THEN c.project END
  ]) AS messages
}
CALL (candidates) {
  CALL (candidates) {
    UNWIND candidates AS candidate
    WITH candidate
    WHERE candidate.kind <> 'message' AND candidate.vector_score IS NOT NULL
    WITH candidate
    ORDER BY candidate.vector_score DESC
    WITH CASE candidate.kind WHEN 'document' THEN candidate.n.document_id ELSE candidate.n END AS shown, max(candidate.vector_score) AS best, collect(candidate) AS passages
    WITH best, passages
    ORDER BY best DESC
    LIMIT $batch.limit
    UNWIND passages[..$batch.passages] AS candidate
    RETURN candidate
    UNION
    UNWIND candidates AS candidate
    WITH candidate
    WHERE candidate.kind <> 'message' AND candidate.keyword_score IS NOT NULL
    WITH candidate
    ORDER BY candidate.keyword_score DESC
    WITH CASE candidate.kind WHEN 'document' THEN candidate.n.document_id ELSE candidate.n END AS shown, max(candidate.keyword_score) AS best, collect(candidate) AS passages
    WITH best, passages
    ORDER BY best DESC
    LIMIT $batch.limit
    UNWIND passages[..$batch.passages] AS candidate
    RETURN candidate
  }
  WITH candidate, candidate.n AS n
  RETURN collect({
    id: n.id, kind: candidate.kind, conversation_id: n.conversation_id, content: n.content, description: n.description,
    timestamp_ms: coalesce(n.timestamp_ms, n.created_ms), name: n.name, aliases: n.aliases,
    document_id: n.document_id, start: n.start, end: n.end, status: n.status,
    metadata: CASE WHEN $batch.metadata THEN n.metadata END, project: CASE WHEN $batch.metadata THEN n.project END,
    vector_score: candidate.vector_score, keyword_score: candidate.keyword_score
  }) AS others
}
OPTIONAL MATCH (v:NamespaceVersion {namespace: $batch.namespace})
RETURN
  messages, others, v.vectors_revision AS revision, v.embedding_model AS model,
  vector_scores, keyword_scores, vector_min, vector_max, keyword_min, keyword_max, vector_rows, keyword_rows, size(scanned) AS scanned,
  vector_matches, keyword_matches, vector_messages, keyword_messages;
