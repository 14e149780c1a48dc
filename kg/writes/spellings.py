"""Find entities that are stored under another spelling of their name.

A writer looks the names up before it writes, and uses the stored entity. Its statement checks at
the end that no other writer has stored another spelling meanwhile.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is

_CONCEPT = "concept"
# An ordinary word in lower case is not the same as one of these: "rose" and the person "Rose".
NEVER_CONCEPTS = ("event", "group", "language", "law", "location", "person", "work")


@dataclass(frozen=True, kw_only=True)
class NewName:
    """An entity that a write may create.

    Attributes:
        id: Its id.
        folded: The form in which all spellings of its name meet, see `identifiers.fold_name`.
        excluded_types: Types of entities that are never the same.
    """

    id: str
    folded: str
    excluded_types: tuple[str, ...]

    def to_parameters(self) -> dict[str, Any]:
        """Return the parameters of the statements."""
        return asdict(self)


def list_excluded_types(types: Iterable[str | None]) -> tuple[str, ...]:
    """Return the types that an entity of these types is never the same as."""
    type_set = set(types)
    if type_set == {_CONCEPT}:
        return NEVER_CONCEPTS
    return (_CONCEPT,) if type_set & set(NEVER_CONCEPTS) else ()


def find_stored(
    run: Run, namespace: str, names: Sequence[NewName]
) -> tuple[dict[str, str], list[NewName]]:
    """Return the ids of entities that are stored under another spelling, and the new names.

    Args:
        run: Runs a statement.
        namespace: Name of the namespace.
        names: Entities that a write names.

    Returns:
        For each id that is not in use the id of the stored entity; and the names that no entity
        has in any spelling.
    """
    if not names:
        return {}, []
    rows = {row["id"]: row for row in run(_find_spellings(namespace, names))}
    targets = {
        name.id: rows[name.id]["other_id"]
        for name in names
        if rows[name.id]["other_id"] is not None
    }
    new = [name for name in names if not rows[name.id]["is_stored"] and name.id not in targets]
    return targets, new


def _find_spellings(namespace: str, names: Sequence[NewName]) -> Statement[Row]:
    batch: Mapping[str, Any] = {
        "namespace": namespace,
        "names": [name.to_parameters() for name in names],
    }
    return Statement(name="entity/spellings", parameters={"batch": batch}, read=as_is)
