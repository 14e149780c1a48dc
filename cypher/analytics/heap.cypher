// How much memory may the server's Java heap take?
// Columns: bytes (integer).
CALL dbms.queryJmx('java.lang:type=Memory') YIELD attributes
RETURN attributes.HeapMemoryUsage.value.properties.max AS bytes;
