// Which server is this?
// Columns: name (string), versions (list of strings), edition ('community' or 'enterprise').
// Asked once per connection pool; decides which dialect the other statements are sent in.
CALL dbms.components() YIELD name, versions, edition
RETURN name, versions, edition;
