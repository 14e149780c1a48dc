// Drop a projection, and those that a client left behind when it died: their names tell until when they could be in use.
// Columns: name (of each that was dropped).
:param batch => {name: "context-1767225600000-sample", now: 1767225600000}
CALL gds.graph.list() YIELD graphName
WITH graphName
WHERE graphName = $batch.name
  OR (graphName STARTS WITH 'context-' AND toInteger(split(graphName, '-')[1]) < $batch.now)
CALL gds.graph.drop(graphName, false) YIELD graphName AS name
RETURN name;
