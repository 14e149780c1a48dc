// Add, update or remove a client's entry in the queue of clients that wait for memory.
// Columns: queued_ms (when the client entered the queue, in milliseconds since 1970). Times are the
// server's.
// An entry is a string of the client, the time it entered and the time of its last update. It
// expires ten seconds after the last update, because the client must have died. So does an entry from
// the future: the clock was set back.
// Removing a property that the node never has locks the node and writes nothing.
:param batch => {client: "sample", is_waiting: true}
MATCH (lock:SchemaVersion {id: 'schema'})
REMOVE lock.namespace
// The clock is read after the lock, for which the statement may have waited.
WITH lock, datetime.realtime().epochMillis AS now
WITH lock, now, [
  entry IN coalesce(lock.analytics_queue, []) WHERE abs(toInteger(split(entry, ' ')[2]) - now) < 10000
] AS queue
WITH lock, now, [entry IN queue WHERE split(entry, ' ')[0] <> $batch.client] AS others,
  [entry IN queue WHERE split(entry, ' ')[0] = $batch.client][0] AS own
WITH lock, now, others, coalesce(toInteger(split(own, ' ')[1]), now) AS queued_ms
WITH lock, queued_ms,
  others + CASE WHEN $batch.is_waiting
    THEN [$batch.client + ' ' + toString(queued_ms) + ' ' + toString(now)] ELSE [] END AS queue
SET lock.analytics_queue = CASE WHEN queue = [] THEN null ELSE queue END
RETURN queued_ms;
