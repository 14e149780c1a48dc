// Drop a projection, and all projections that are older than allowed. Ages are by the server's
// clock.
// Columns: name (of each projection that was dropped).
// A projection of an earlier release has a name without client, kind and seconds; it may exist for
// `max_seconds`.
:param batch => {name: "context-sample-call-40-1048576-sample", max_seconds: 3600}
CALL gds.graph.list() YIELD graphName, creationTime
WITH graphName, split(graphName, '-') AS parts,
  (datetime.realtime().epochMillis - creationTime.epochMillis) / 1000 AS age
WHERE parts[0] = 'context' AND (
  graphName = $batch.name OR age > coalesce(toInteger(parts[3]), $batch.max_seconds)
)
CALL gds.graph.drop(graphName, false) YIELD graphName AS name
RETURN name;
