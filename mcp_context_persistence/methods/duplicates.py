"""The calls on entities that are the same thing under several names."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg.errors import GraphError
from mcp_context_persistence.responses.duplicates import (
    FindDuplicateEntitiesResponse,
    ListMergesResponse,
    MergeEntitiesResponse,
    UndoMergeResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import duplicates as found


class DuplicateCalls:
    """The same thing under several names: found, merged, and parted again."""

    _engine: Engine

    @public_call(GraphError)
    def find_duplicate_entities(
        self,
        entity_id: str | None = None,
        entity_types: str | Sequence[str] | None = None,
        *,
        min_score: float = 0.5,
        limit: int = 100,
    ) -> FindDuplicateEntitiesResponse:
        """Find entities that may be the same thing. Nothing is changed.

        Compared are names and aliases (equal but for case, accents, legal forms and titles; acronyms, initials, `k8s`, short and misspelt
        forms), the metadata of people, companies and publications field by field, the vectors, and the shared neighbours. A name that may
        mean several of the others is never more than `review`, nor is what only means the same or has the same neighbours. Other types,
        numbers, or names of people forbid a pair.

        Args:
            entity_id: Id, exact name or alias of an entity, to see only what may be the same as it.
            entity_types: Types to compare, in whatever case; all when it is None.
            min_score: Least score of a pair, 0.0 to 1.0; nothing below 0.5 is ever found.
            limit: Pairs at most, 1 to 1,000.

        Returns:
            Pairs, best first, with the evidence of each stage, and the groups that `merge_entities` can be given.

        Raises:
            NotFoundError: The entity does not exist.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return found.find(self._engine, entity_id, entity_types, min_score=min_score, limit=limit)

    @public_call(GraphError)
    def merge_entities(
        self,
        keep: str,
        duplicates: str | Sequence[str],
        *,
        reason: str | None = None,
        merged_by: str | None = None,
        evidence: Mapping[str, Any] | Sequence[Any] | Any = None,
    ) -> MergeEntitiesResponse:
        """Merge entities into one.

        Their mentions, relationships and decisions become those of the entity that is kept, and their names its aliases: whatever is saved
        under one of these names from now on means it. Properties of the kept entity stay as they are. The merge is a node of the graph.

        Args:
            keep: Id, exact name or alias of the entity that stays.
            duplicates: Those of the entities that go, 100 at most.
            reason: Why, in words.
            merged_by: Who says so.
            evidence: Pairs of `find_duplicate_entities`, or anything that JSON can hold.

        Raises:
            NotFoundError: An entity does not exist; nothing is merged.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return found.merge(
            self._engine,
            keep,
            duplicates,
            reason=reason,
            merged_by=merged_by,
            evidence=evidence,
        )

    @public_call(GraphError)
    def undo_merge(self, merge_id: str) -> UndoMergeResponse:
        """Undo a merge.

        The graph is as it was as far as the merge touched it. What was saved since goes to the entity that its text names; what names none,
        or both, stays with the kept one, as do later decisions; what a text said meanwhile of two of them was not kept. Later merges of the
        same entities must be undone first; the error names them in their order, and `list_merges` does so beforehand.

        Args:
            merge_id: What `merge_entities` answered.

        Raises:
            NotFoundError: There is no such merge.
            GraphError: The graph operation failed, or a later merge must be undone first.
            ValidationError: An argument is not valid, the merge was undone already, or an entity of it was deleted.
        """
        return found.undo(self._engine, merge_id)

    @public_call(GraphError)
    def list_merges(self, *, limit: int = 100, before: str | None = None) -> ListMergesResponse:
        """List the merges of the namespace, newest first, those that were undone too. Nothing is changed.

        Args:
            limit: Merges at most, 1 to 100.
            before: Id of a merge, to see only older ones: the last one of a list leads to the next.

        Returns:
            For each merge who became part of whom, why, when, whether it was undone, and whether it can be undone now or which merges must be
            undone before it, in their order.

        Raises:
            NotFoundError: There is no merge `before`.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return found.history(self._engine, limit=limit, before=before)
