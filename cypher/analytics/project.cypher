// Project a namespace's entities and their relationships for an analysis, if there is memory for it beside the other projections.
// Columns: blocked (bytes of the projections that users hold), admitted (false: no projection was made), nodes (projected entities).
// Always one row. The clock is read anew, because the statement may have waited for the lock.
// A projection's name tells its owner, its kind (`call` or `block`), the seconds that it may last, its bytes, and its id.
// Relationships of an entity to itself are left out. Relationships of several types between the same two entities are one; its `weight` is the
// greatest confidence, or with `costs` -ln of it, so that the cheapest path has the greatest product of confidences. Without `weighted`
// there is none, which saves 12 MiB. An undirected projection (`types` is ['*'] then, else empty) has one relationship for both directions.
// Plan: removing a property that the node never has locks the node and writes nothing; so only one is admitted at a time. The inner
// transaction runs on a thread of another pool: the library leaves the pages of each projection in thread-local memory, and Bolt's threads
// are many and live long. One reading thread needs a quarter of the pages, and is faster. For its display of progress the library plans
// EXPLAIN and this whole text anew at each projection, which takes 100 ms; with PROFILE before it that ends at once, and it goes without.
:param batch => {namespace: "default", name: "context-sample-call-40-1048576-sample", client: "sample", kind: "call", bytes: 1048576, share: 268435456, at_once: 4, since: 0, undirected: true, types: ["*"], weighted: false, costs: false}
PROFILE
UNWIND [1] AS once
CALL (once) {
  MATCH (gate:SchemaVersion {id: 'schema'})
  REMOVE gate.namespace
  WITH gate, datetime.realtime().epochMillis AS now
  CALL () {
    CALL gds.graph.list() YIELD graphName
    WITH graphName, split(graphName, '-') AS parts
    WHERE parts[0] = 'context'
    WITH graphName = $batch.name AS own, parts[2] = 'block' AS block, coalesce(toInteger(parts[4]), 0) AS bytes
    RETURN sum(CASE WHEN NOT own THEN bytes ELSE 0 END) AS held, sum(CASE WHEN block THEN bytes ELSE 0 END) AS blocked,
      sum(CASE WHEN block OR own THEN 0 ELSE 1 END) AS running, coalesce(max(own), false) AS made
  }
  WITH *, any(t IN [t IN gate.analytics_queue | split(t, ' ')] WHERE t[0] <> $batch.client
    AND toInteger(t[1]) < coalesce($batch.since, now) AND toInteger(t[2]) > now - 10000) AS waits
  WITH *, made OR (NOT coalesce(waits, false) AND held + $batch.bytes <= $batch.share
    AND ($batch.kind = 'block' OR running < $batch.at_once)) AS admitted
  CALL (made, admitted) {
    WITH made, admitted
    WHERE admitted AND NOT made
    MATCH (source:Entity {namespace: $batch.namespace})
    WHERE source.id IS NOT NULL
    OPTIONAL CALL (source) {
      MATCH (source)-[r]-(target:Entity {namespace: $batch.namespace})
      WHERE CASE WHEN $batch.undirected THEN id(source) < id(target) ELSE startNode(r) = source AND source <> target END
      RETURN target, max(coalesce(r.confidence, 1.0)) AS weight
    }
    WITH gds.graph.project(
      $batch.name, source, target,
      {relationshipProperties: CASE
        WHEN target IS NULL OR NOT $batch.weighted THEN null
        WHEN $batch.costs THEN {weight: -log(CASE WHEN weight > 1e-9 THEN weight ELSE 1e-9 END)}
        ELSE {weight: weight}
      END},
      {undirectedRelationshipTypes: $batch.types, readConcurrency: 1, logProgress: false}
    ) AS projected
    RETURN projected.nodeCount AS nodes
  }
  RETURN blocked, admitted, nodes
} IN 2 CONCURRENT TRANSACTIONS
RETURN blocked, admitted, nodes;
