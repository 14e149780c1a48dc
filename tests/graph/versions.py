"""Databases of older versions of the schema, made from one of the present version."""

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.kg.identifiers import fold_name
from mcp_context_persistence.kg.schema import migrations

FULLTEXT = (
    "CREATE FULLTEXT INDEX memory_text FOR (n:{}) ON EACH [n.content, n.facets] "
    "OPTIONS {{indexConfig: {{`fulltext.analyzer`: 'english'}}}}"
)
TERMS_INDEX = (
    "CREATE FULLTEXT INDEX memory_text FOR (n:Message|Chunk|Entity|Decision|Conversation) "
    "ON EACH [n.terms, n.facets] OPTIONS {indexConfig: {`fulltext.analyzer`: 'whitespace'}}"
)
TERMS = "MATCH (n) WHERE n.terms IS NOT NULL REMOVE n.terms"
TYPES = (
    "MATCH (v:NamespaceVersion) WHERE $n IS NULL OR v.namespace = $n "
    "REMOVE v.relationship_types, v.entity_labels"
)
VECTORS = (
    "MATCH (v:NamespaceVersion) WHERE $n IS NULL OR v.namespace = $n "
    "REMOVE v.embedding_model, v.vector_size, v.vectors, v.vectors_revision"
)

NAMES = (
    "MATCH (e:Entity|MergedEntity) "
    "RETURN elementId(e) AS key, [e.id, e.name] + coalesce(e.aliases, []) AS names"
)
FOLDED = (
    "UNWIND $rows AS row MATCH (e) WHERE elementId(e) = row.key REMOVE e.folded "
    "SET e.facets = [facet IN e.facets WHERE NOT facet IN row.tokens]"
)


def make_old(
    graph: Graph,
    version: int,
    *,
    vector_size: int,
    model: str = "model@1",
    namespace: str | None = None,
) -> None:
    """Take from a database what its schema has more than that of an older version.

    Args:
        graph: The database.
        version: The older version.
        vector_size: Numbers per vector.
        model: What made the vectors of the database, before namespaces said that.
        namespace: The namespace that does not say it; all of them where None.
    """
    migrations.ensure_schema(graph, vector_size=vector_size)
    with graph.driver.session() as session:
        if version < 9:
            session.run("DROP CONSTRAINT instruction_id").consume()
            session.run("DROP INDEX instruction_address").consume()
            session.run("DROP INDEX memory_text").consume()
            session.run(TERMS_INDEX).consume()
        if version < 8:
            session.run("DROP INDEX entity_folded").consume()
            rows = [
                {
                    "key": row["key"],
                    "tokens": [
                        build_token("spelling", fold_name(name)) for name in row["names"] if name
                    ],
                }
                for row in session.run(NAMES).data()
            ]
            session.run(FOLDED, rows=rows).consume()
        if version < 7:
            labels = "Message|Entity|Decision|Conversation" + ("" if version < 2 else "|Chunk")
            session.run("DROP INDEX memory_text").consume()
            session.run(FULLTEXT.format(labels)).consume()
            session.run(TERMS).consume()
        if version < 3:
            session.run("DROP CONSTRAINT entity_patterns").consume()
        if version < 4:
            session.run(VECTORS, n=namespace).consume()
            session.run(
                "MATCH (v:SchemaVersion) SET v.embedding_model = $model", model=model
            ).consume()
        if version < 5:
            session.run("DROP CONSTRAINT merge_id").consume()
            session.run("DROP CONSTRAINT merged_entity_id").consume()
        session.run(TYPES, n=namespace).consume()
        session.run("MATCH (v:SchemaVersion) SET v.version = $version", version=version).consume()
