"""Redirects: from the ids of merged entities to the entities that they were merged into.

Functions that return a `Statement` only build it; the caller runs it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_context_persistence.kg.cached_property import cached_property
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.identifiers import fold_name
from mcp_context_persistence.kg.vector_spaces import VectorState, WriteGuard


@dataclass(frozen=True, kw_only=True)
class Redirects:
    """The redirects of a namespace.

    Attributes:
        merges: Grows with each merge and unmerge; the value when the redirects were read.
        direct: For each merged id the entity that it was merged into, which may be merged too.
        targets: For each merged id the entity at the end of the chain.
    """

    merges: int = 0
    direct: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def folded(self) -> Mapping[str, str]:
        """For the folded form of each merged id the id itself."""
        return {fold_name(merged_id): merged_id for merged_id in sorted(self.direct)}

    def guard_write(
        self,
        vector_state: VectorState,
        ids: Iterable[str],
        followed: Iterable[str],
        new_names: Iterable[Mapping[str, Any]] = (),
    ) -> WriteGuard:
        """Return the guard with which a write checks that these redirects are still valid.

        Args:
            vector_state: The namespace's vector state.
            ids: Entities that the write names.
            followed: Merged ids that the write has replaced.
            new_names: The entities that the write creates, as the parameter `spellings` of the
                guard has them; the write fails where another spelling was stored meanwhile.
        """
        pairs: dict[str, str] = {}
        for merged_id in followed:
            step = merged_id
            while step in self.direct and step not in pairs:
                pairs[step] = self.direct[step]
                step = self.direct[step]
        return WriteGuard(
            vector_state=vector_state,
            merges=self.merges,
            ids=tuple(ids),
            followed=tuple(sorted(pairs.items())),
            spellings=tuple(new_names),
        )


def read_redirects(namespace: str) -> Statement[Redirects]:
    """Read the redirects of a namespace. Returns no row if nothing was ever written."""
    return Statement(
        name="merge/redirects",
        parameters={"namespace": namespace},
        read=_parse_redirects,
        locks=True,
    )


def _parse_redirects(row: Row) -> Redirects:
    direct = dict(row["pairs"])
    targets = {}
    for merged_id, next_id in direct.items():
        target, steps = next_id, 0
        while target in direct and steps < len(direct):
            target, steps = direct[target], steps + 1
        targets[merged_id] = target
    return Redirects(merges=row["merges"], direct=direct, targets=targets)
