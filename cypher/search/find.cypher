// Find the nodes that are nearest to a vector and those that have words of the query; messages with
// their neighbors.
// Columns: one row.
// - messages: lists of id, conversation_id, timestamp_ms, content (at most `characters` of it),
//   metadata when requested, vector score and keyword score (raw cosine -1 to 1 and Lucene's score,
//   null where that retriever did not return it), retrieval score (both combined, 0 to 1), whether
//   the filters let it through, with `explain` the seeds that led to it and their distances,
//   position, author, role, with `with_cosines` the cosine, up to `cosine_window` positions from a
//   match, and with `metadata` the project. The order is that of the fields of `Candidate`. What is deleted meanwhile comes as
//   nulls.
// - others: the same of what is not a message, as maps; of a document the best `passages`.
// - vector_min, vector_max, keyword_min, keyword_max: the range of each retriever's scores,
//   entities left out; vector_scores and keyword_scores: all of them, from which ranks are counted.
// - vector_rows, keyword_rows, scanned, vector_matches, keyword_matches, vector_messages,
//   keyword_messages: counts by which the caller sees whether a retriever was cut off.
// - revision and model say which model's vectors the namespace uses, so that the caller sees
//   whether it had the right ones.
// Parameters:
// - open, kinds: search the vector index with as few conditions as possible; each range costs
//   0.2 ms over 20,000 messages.
// - ranges: search the vector index with all conditions.
// - index_limit: the nearest that the index is asked for in `ranges`.
// - vector_limit: how many of these are used; the index finds them more reliably.
// - scans: compares all nodes that have some filter tokens, exactly.
// - time_ranges: ranges of the times that the query names, searched too.
// - message_ids: messages to which the query's entities lead.
// - candidate_limit: the best candidates, which take part.
// - neighbor_seeds: the best candidates whose neighbors take part.
// - neighbor_window: how many positions away these neighbors are at most.
// - smallest_share: the smallest normalized score of what a retriever returned. Scores are
//   normalized between the retriever's smallest and largest.
// Plan: both retrievers, the neighbors along NEXT and the texts of all candidates come in one round
// trip. A pattern's length cannot be a parameter, and to walk five positions for two costs 2 % of
// the whole. Where a conversation has branches, neighbors are what leads to a message, and what
// follows it without the alternatives. A long message is found through its passages and counts with the best one. Lists
// instead of maps save a tenth of the whole time at a hundred messages.
// A row passes through all later branches of UNION ALL, so those that mostly return rows are last.
// One map as parameter: lists of other lengths would be planned anew. The names of the index and of
// the property are replaced by those of another model's vectors. The property's could be a
// parameter, but then each vector takes twice as long.
:param batch => {namespace: "default", vector: [0.1, 0.2], exact: false, open: true, kinds: [], ranges: [{kind: "message", conversation_id_from: "", conversation_id_to: "z", role_from: "", role_to: "z", project_from: "", project_to: "z", start_ms: 0, end_ms: 1767225600000, confidence_min: 0.0}], scans: ["+facets:(1)"], scan_limit: 2001, keyword_queries: ["+facets:(1)^0 +terms:(hello)"], vector_limit: 20, index_limit: 100, keyword_limit: 30, neighbor_seeds: 20, candidate_limit: 60, groups: [["1"]], excluded: [], excluded_ids: [], bounded: false, start_ms: 0, end_ms: 1767225600000, confidence_min: 0.0, vector_weight: 0.5, keyword_weight: 0.5, smallest_share: 0.05, time_ranges: [], message_ids: [], with_cosines: true, explain: false, cosine_window: 1, neighbor_window: 2, characters: 8001, limit: 10, passages: 3, content: true, metadata: false, index: "memory_vectors"}
CYPHER 25 replan=skip
CALL () {
  UNWIND $batch.scans AS scan
  CALL db.index.fulltext.queryNodes('memory_text', scan, {limit: $batch.scan_limit}) YIELD node
  RETURN collect(node) AS scanned
}
CALL (scanned) {
  CALL (scanned) {
    UNWIND $batch.message_ids AS message_id
    MATCH (n:Message {namespace: $batch.namespace, id: message_id})
    RETURN n, null AS vector_score, null AS keyword_score
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
    RETURN n, vector.similarity.cosine(n.embedding, $batch.vector) AS vector_score, null AS keyword_score
    UNION ALL
    UNWIND $batch.ranges + $batch.time_ranges AS bounds
    CALL (bounds) {
      MATCH (n)
        SEARCH n IN (
          VECTOR INDEX memory_vectors FOR $batch.vector
          WHERE n.namespace = $batch.namespace AND n.kind = bounds.kind
            AND n.conversation_id >= bounds.conversation_id_from AND n.conversation_id <= bounds.conversation_id_to
            AND n.role >= bounds.role_from AND n.role <= bounds.role_to
            AND n.project >= bounds.project_from AND n.project <= bounds.project_to
            AND n.timestamp_ms >= bounds.start_ms AND n.timestamp_ms <= bounds.end_ms
            AND n.confidence >= bounds.confidence_min
          LIMIT $batch.index_limit
        ) SCORE AS vector_score
      RETURN n, vector_score
      ORDER BY vector_score DESC
      LIMIT $batch.vector_limit
    }
    RETURN n, vector_score, null AS keyword_score
    UNION ALL
    UNWIND $batch.kinds AS kind
    CALL (kind) {
      MATCH (n)
        SEARCH n IN (
          VECTOR INDEX memory_vectors FOR $batch.vector
          WHERE n.namespace = $batch.namespace AND n.kind = kind
          LIMIT $batch.vector_limit
        ) SCORE AS vector_score
      RETURN n, vector_score
    }
    RETURN n, vector_score, null AS keyword_score
    UNION ALL
    WITH $batch.vector AS vector
    WHERE $batch.open
    MATCH (n)
      SEARCH n IN (VECTOR INDEX memory_vectors FOR vector WHERE n.namespace = $batch.namespace LIMIT $batch.vector_limit) SCORE AS vector_score
    RETURN n, vector_score, null AS keyword_score
    UNION ALL
    UNWIND $batch.keyword_queries AS keyword_query
    CALL db.index.fulltext.queryNodes('memory_text', keyword_query, {limit: $batch.keyword_limit}) YIELD node, score AS keyword_score
    RETURN node AS n, null AS vector_score, keyword_score
  }
  WITH
    CASE WHEN n:Chunk AND n.kind = 'message' THEN head([(m:Message)-[:HAS_CHUNK]->(n) | m]) ELSE n END AS n,
    CASE
      WHEN vector_score IS NULL THEN null
      WHEN $batch.exact THEN 2 * vector.similarity.cosine(n.embedding, $batch.vector) - 1
      ELSE 2 * vector_score - 1
    END AS vector_score,
    keyword_score
  WITH n, max(vector_score) AS vector_score, max(keyword_score) AS keyword_score, count(vector_score) AS vector_row_count, count(keyword_score) AS keyword_row_count
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
  RETURN collect(CASE WHEN is_allowed AND kind = 'message' THEN {n: n, vector_score: vector_score, keyword_score: keyword_score} END) AS candidates,
    collect(CASE WHEN is_allowed AND kind <> 'message' THEN {n: n, kind: kind, vector_score: vector_score, keyword_score: keyword_score} END) AS other_candidates,
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
CALL (other_candidates) {
  CALL (other_candidates) {
    UNWIND other_candidates AS candidate
    WITH candidate
    WHERE candidate.vector_score IS NOT NULL
    WITH candidate
    ORDER BY candidate.vector_score DESC
    WITH CASE candidate.kind WHEN 'document' THEN candidate.n.document_id ELSE candidate.n END AS shown, max(candidate.vector_score) AS best, collect(candidate) AS passages
    WITH best, passages
    ORDER BY best DESC
    LIMIT $batch.limit
    UNWIND passages[..$batch.passages] AS candidate
    RETURN candidate
    UNION
    UNWIND other_candidates AS candidate
    WITH candidate
    WHERE candidate.keyword_score IS NOT NULL
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
