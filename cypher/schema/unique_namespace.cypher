// There is one node that says which state a namespace is in; writers lock it for the length of their commit.
// Columns: none.
CREATE CONSTRAINT namespace_version IF NOT EXISTS
FOR (n:NamespaceVersion) REQUIRE n.namespace IS UNIQUE;
