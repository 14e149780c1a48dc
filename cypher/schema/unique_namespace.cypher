// Make the NamespaceVersion node of a namespace unique; writers lock it until their commit.
// Columns: none.
CREATE CONSTRAINT namespace_version IF NOT EXISTS
FOR (n:NamespaceVersion) REQUIRE n.namespace IS UNIQUE;
