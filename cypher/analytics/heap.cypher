// Read the largest size of the server's Java heap.
// Columns: bytes (integer).
CALL dbms.queryJmx('java.lang:type=Memory') YIELD attributes
RETURN attributes.HeapMemoryUsage.value.properties.max AS bytes;
