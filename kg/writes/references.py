"""Find the entities that callers name by id, name or alias, in any spelling.

A lookup reads an entity as `Entity` and as `MergedEntity` one after the other, and Neo4j has no
snapshots, so that it may miss an entity that is merged or restored meanwhile. Where it finds
nothing, it is repeated under the namespace's lock, under which nobody merges entities.
"""

from collections.abc import Iterable, Mapping

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.kg.identifiers import fold_name
from mcp_context_persistence.kg.namespaces import read_settled_version

MISSING = "there is no entity with that id, name or alias"


def resolve_references(run: Run, namespace: str, references: Iterable[str]) -> dict[str, str]:
    """Return the ids of entities by the references that name them, inside a transaction.

    Args:
        run: Runs a statement in the transaction. Where a reference names no entity, the transaction
            holds the namespace's lock afterwards.
        namespace: Name of the namespace.
        references: Ids, names or aliases; one that names no entity is not in the result.
    """
    statement = _resolve(namespace, references)
    ids = _collect_ids(run(statement))
    if len(ids) == len(statement.parameters["batch"]["references"]):
        return ids
    return _resolve_settled(run, namespace, statement)


def resolve_fields(graph: Graph, namespace: str, references: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of entities by the fields that name them, outside of a transaction.

    Args:
        graph: The database.
        namespace: Name of the namespace.
        references: By the field's name, the id, name or alias.

    Raises:
        NotFoundError: There is no such entity; the text names the fields.
    """
    statement = _resolve(namespace, references.values())
    ids = _collect_ids(graph.run(statement))
    if not ids.keys() >= set(references.values()):
        ids = graph.transact(
            lambda run: _resolve_settled(run, namespace, statement),
            name=statement.name,
            changes_data=False,
        )
    return select_ids(ids, references)


def select_ids(ids: Mapping[str, str], references: Mapping[str, str]) -> dict[str, str]:
    """Return the ids by field; raises like `resolve_fields`."""
    missing = [field for field, reference in references.items() if reference not in ids]
    if missing:
        raise NotFoundError(f"{' and '.join(missing)}: {MISSING}")
    return {field: ids[reference] for field, reference in references.items()}


def _resolve(namespace: str, references: Iterable[str]) -> Statement[Row]:
    namespace_token = build_token("namespace", namespace)
    rows = [
        {
            "text": reference,
            "names": f"+facets:{namespace_token} +(facets:{build_token('alias', reference)} "
            f"facets:{build_token('spelling', fold_name(reference))})",
        }
        for reference in dict.fromkeys(references)
    ]
    return Statement(
        name="entity/resolve",
        parameters={"batch": {"namespace": namespace, "references": rows}},
        read=as_is,
    )


def _resolve_settled(run: Run, namespace: str, statement: Statement[Row]) -> dict[str, str]:
    """Resolve while no merge is being committed, in the rest of the transaction neither."""
    run(read_settled_version(namespace))
    return _collect_ids(run(statement))


def _collect_ids(rows: Iterable[Row]) -> dict[str, str]:
    return {row["reference"]: row["id"] for row in rows}
