// Drop one's own projection, and those that are older than they may become. Ages are by the server's clock.
// Columns: name (of each that was dropped).
// A name without these parts was made by an earlier release; it may last an hour.
:param batch => {name: "context-sample-call-40-1048576-sample", seconds: 3600}
CALL gds.graph.list() YIELD graphName, creationTime
WITH graphName, split(graphName, '-') AS parts, (datetime.realtime().epochMillis - creationTime.epochMillis) / 1000 AS age
WHERE parts[0] = 'context' AND (graphName = $batch.name OR age > coalesce(toInteger(parts[3]), $batch.seconds))
CALL gds.graph.drop(graphName, false) YIELD graphName AS name
RETURN name;
