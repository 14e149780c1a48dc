// Return name, versions and edition of the server's components.
// Columns: name (string), versions (list of strings), edition ('community' or 'enterprise').
// Runs once per connection pool; decides the dialect of the other statements. Before a managed server
// is stopped, it shows whether its databases still begin a transaction.
CALL dbms.components() YIELD name, versions, edition
RETURN name, versions, edition;
