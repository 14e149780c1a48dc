// Take or keep a place among the clients that wait for memory, or leave it with `stays` false.
// Columns: since (milliseconds since 1970, when the client came). Times are the server's.
// A place is a text of client, time of arrival and time of the last visit. It is lost ten seconds after the last visit: the client has died.
:param batch => {client: "sample", stays: true}
MATCH (gate:SchemaVersion {id: 'schema'})
REMOVE gate.namespace
WITH gate, datetime.realtime().epochMillis AS now  // not as old as the statement, which may have waited
WITH gate, now, [t IN coalesce(gate.analytics_queue, []) WHERE toInteger(split(t, ' ')[2]) > now - 10000] AS queue
WITH gate, now, [t IN queue WHERE split(t, ' ')[0] <> $batch.client] AS others,
  coalesce(toInteger(split([t IN queue WHERE split(t, ' ')[0] = $batch.client][0], ' ')[1]), now) AS since
WITH gate, since, others + CASE WHEN $batch.stays THEN [$batch.client + ' ' + toString(since) + ' ' + toString(now)] ELSE [] END AS queue
SET gate.analytics_queue = CASE WHEN queue = [] THEN null ELSE queue END
RETURN since;
