// Project a namespace's entities and their relationships for an analysis, if the other projections
// leave enough memory.
// Columns: block_bytes (reserved for the projections of users' blocks), admitted (false if nothing
// was projected), nodes (projected entities). There is always one row.
// The name of a projection contains the client, the kind (`call` or `block`), the seconds that it
// may exist, its bytes and a unique id.
// An earlier release wrote names without these parts; `sum` ignores their missing bytes.
// The clock is read after the lock, for which the statement may have waited.
// Relationships of an entity with itself are left out. Several relationships between the same two
// entities become one; its `weight` is the highest confidence, or with `costs` -ln of it, so that
// the cheapest path has the highest product of confidences. A call that counts by confidences leaves
// out those of (nearly) 0, on which algorithms fail or compute NaN. Without `weighted` there is no
// weight, which saves 12 MiB. With `loops` each entity has a relationship with itself. An undirected
// projection (with `types` ['*'], otherwise empty) has one relationship per pair.
// Plan: removing a property that the node never has locks the node and writes nothing, so only one
// client at a time is admitted. The inner transaction runs on a thread of another pool: the library
// keeps the pages of each projection in thread-local memory, and the Bolt threads are many and live
// long. One thread for reading needs a quarter of the pages, and is faster. To show its progress,
// the library plans EXPLAIN with this whole text at each projection, which takes 100 ms; a text
// that starts with PROFILE makes that fail at once, and the library continues without it.
:param batch => {namespace: "default", name: "context-sample-call-40-1048576-sample", client: "sample", kind: "call", bytes: 1048576, limit: 268435456, max_calls: 4, queued_ms: 0, undirected: true, types: ["*"], weighted: false, costs: false, loops: false}
PROFILE CYPHER replan=skip
UNWIND [1] AS i
CALL (i) {
  MATCH (lock:SchemaVersion {id: 'schema'})
  REMOVE lock.namespace
  WITH lock, datetime.realtime().epochMillis AS now
  CALL () {
    CALL gds.graph.list() YIELD graphName AS name
    WITH name, split(name, '-') AS parts WHERE parts[0] = 'context'
    WITH name = $batch.name AS is_own, parts[2] = 'block' AS is_block, toInteger(parts[4]) AS bytes
    RETURN sum(CASE WHEN NOT is_own THEN bytes END) AS reserved,
      sum(CASE WHEN is_block THEN bytes END) AS block_bytes,
      sum(CASE WHEN is_block OR is_own THEN 0 ELSE 1 END) AS calls, coalesce(max(is_own), false) AS present
  }
  WITH *, any(row IN [t IN lock.analytics_queue | split(t, ' ')] WHERE row[0] <> $batch.client
    AND toInteger(row[1]) < coalesce($batch.queued_ms, now) AND abs(toInteger(row[2]) - now) < 10000) AS wait
  WITH *, present OR (NOT coalesce(wait, false) AND reserved + $batch.bytes <= $batch.limit
    AND ($batch.kind = 'block' OR calls < $batch.max_calls)) AS admitted
  CALL (present, admitted) {
    WITH present, admitted WHERE admitted AND NOT present
    MATCH (source:Entity {namespace: $batch.namespace}) WHERE source.id IS NOT NULL
    OPTIONAL CALL (source) {
      MATCH (source)-[r]-(target:Entity {namespace: $batch.namespace})
      WHERE CASE WHEN $batch.undirected THEN id(source) < id(target)
        ELSE startNode(r) = source AND source <> target END
      WITH target, max(coalesce(r.confidence, 1.0)) AS weight
      WHERE weight > 1e-9 OR NOT $batch.weighted OR $batch.costs OR $batch.kind = 'block'
      RETURN target, weight
      UNION ALL
      WITH source WHERE $batch.loops
      RETURN source AS target, 1.0 AS weight
    }
    WITH gds.graph.project(
      $batch.name, source, target,
      {relationshipProperties: CASE WHEN target IS NOT NULL AND $batch.weighted THEN {
        weight: CASE WHEN $batch.costs
          THEN -log(CASE WHEN weight > 1e-9 THEN weight ELSE 1e-9 END) ELSE weight END
      } END},
      {undirectedRelationshipTypes: $batch.types, readConcurrency: 1, logProgress: false}
    ) AS graph RETURN graph.nodeCount AS nodes
  }
  RETURN block_bytes, admitted, nodes
} IN 2 CONCURRENT TRANSACTIONS
RETURN block_bytes, admitted, nodes;
