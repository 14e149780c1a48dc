// Drop one's own projection, those that are older than they may become, and those whose owner has no connection to the server any more.
// Columns: name (of each that was dropped). Ages are by the server's clock.
// The connections tell who lives, in their user agent; where one's own is not to be seen, nobody is judged by them. A new projection is
// left alone: its owner may be connecting again.
:param batch => {name: "context-sample-call-40-1048576-sample", client: "sample", seconds: 3600, grace: 10}
CALL () {
  CALL dbms.listConnections() YIELD userAgent
  WITH userAgent
  WHERE userAgent STARTS WITH 'context-persistence/'
  RETURN collect(DISTINCT split(userAgent, '/')[1]) AS clients
}
CALL gds.graph.list() YIELD graphName, creationTime
WITH clients, graphName, split(graphName, '-') AS parts, (datetime.realtime().epochMillis - creationTime.epochMillis) / 1000 AS age
WHERE parts[0] = 'context' AND (
  graphName = $batch.name
  OR age > coalesce(toInteger(parts[3]), $batch.seconds)
  OR (parts[3] IS NOT NULL AND age > $batch.grace AND $batch.client IN clients AND NOT parts[1] IN clients)
)
CALL gds.graph.drop(graphName, false) YIELD graphName AS name
RETURN name;
