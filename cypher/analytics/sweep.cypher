// Drop a projection, all projections that are older than allowed, those whose client has no
// connection to the server any more, and those of calls and blocks of this client that have ended:
// the server may finish a projection after its call was interrupted. Projections that are newer
// than the parameters of this statement are not among them.
// Columns: name (of each projection that was dropped). Ages are by the server's clock.
// The user agents of the connections contain the clients. If this client does not see its own
// connection, it cannot know the others, and drops nothing for this reason. A projection younger
// than `grace_seconds` is kept, because its client may be reconnecting.
:param batch => {name: "context-sample-call-40-1048576-sample", client: "sample", max_seconds: 3600, grace_seconds: 10, left_names: []}
CALL () {
  CALL dbms.listConnections() YIELD userAgent
  WITH userAgent
  WHERE userAgent STARTS WITH 'context-persistence/'
  RETURN collect(DISTINCT split(userAgent, '/')[1]) AS clients
}
CALL gds.graph.list() YIELD graphName, creationTime
WITH clients, graphName, split(graphName, '-') AS parts,
  (datetime.realtime().epochMillis - creationTime.epochMillis) / 1000 AS age
WHERE parts[0] = 'context' AND (
  graphName = $batch.name
  OR graphName IN $batch.left_names
  OR age > coalesce(toInteger(parts[3]), $batch.max_seconds)
  OR (parts[3] IS NOT NULL AND abs(age) > $batch.grace_seconds
    AND $batch.client IN clients AND NOT parts[1] IN clients)
)
CALL gds.graph.drop(graphName, false) YIELD graphName AS name
RETURN name;
