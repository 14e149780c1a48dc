"""Methods that find and merge duplicate entities."""

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
from mcp_context_persistence.services import duplicates as entity_duplicates


class DuplicateCalls:
    """Finds duplicate entities, merges them, and undoes merges."""

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
        """Find entities that are probably the same. Nothing is changed.

        Names and aliases are compared without case, accents, legal forms and titles. Acronyms,
        initials, numeronyms such as `k8s`, short forms and spelling mistakes are recognized. The
        metadata of people, companies and publications are compared field by field. Vectors and
        shared neighbors are compared too.

        The `band` of a pair is `review`, not `same`, if its name may stand for several entities, or
        if only its vectors or its neighbors are similar. Two entities with different types, numbers
        or names of people are never a pair.

        Args:
            entity_id: The id, exact name or alias of an entity, to get only the duplicates of this
                entity.
            entity_types: The types of entities to compare, in upper or lower case. None means all
                types.
            min_score: The smallest score of a pair, 0.0 to 1.0. Pairs below 0.5 are never returned.
            limit: The maximum number of pairs to return, 1 to 1,000.

        Returns:
            The pairs, best first, with the evidence of each comparison. Also groups that you can
            pass to `merge_entities`.

        Raises:
            NotFoundError: The entity does not exist.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return entity_duplicates.find_duplicates(
            self._engine, entity_id, entity_types, min_score=min_score, limit=limit
        )

    @public_call(GraphError)
    def merge_entities(
        self,
        keep_id: str,
        duplicate_ids: str | Sequence[str],
        *,
        reason: str | None = None,
        merged_by: str | None = None,
        evidence: Mapping[str, Any] | Sequence[Any] | Any = None,
    ) -> MergeEntitiesResponse:
        """Merge entities into one.

        The mentions, relationships and decisions of the duplicates are moved to the entity that is
        kept. The names of the duplicates become its aliases. If a later text uses one of these
        names, it means the kept entity. The properties of the kept entity do not change. The merge
        is stored as a node of the graph and can be undone.

        Args:
            keep_id: Id, exact name or alias of the entity that is kept.
            duplicate_ids: Ids, exact names or aliases of at most 100 entities to merge into it.
            reason: Why they are merged, as text.
            merged_by: Who merges them.
            evidence: Pairs of `find_duplicate_entities`, or anything that can be written as JSON.

        Raises:
            NotFoundError: An entity does not exist; nothing is merged.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return entity_duplicates.merge_entities(
            self._engine,
            keep_id,
            duplicate_ids,
            reason=reason,
            merged_by=merged_by,
            evidence=evidence,
        )

    @public_call(GraphError)
    def undo_merge(self, merge_id: str) -> UndoMergeResponse:
        """Undo a merge.

        Everything that the merge changed is restored. Data that were saved after the merge go to
        the entity that their text names. If the text names none or several of the entities, the
        data stay with the kept entity. Later decisions also stay with it. If a text stated a
        relationship between two of the entities after the merge, this relationship was not stored
        and is missing. If the texts that named one of the entities were deleted after the merge,
        that entity does not exist after the undo.

        Later merges of the same entities must be undone first. The error and `list_merges` list
        these merges in the order in which you must undo them.

        Args:
            merge_id: The id that `merge_entities` returned.

        Raises:
            NotFoundError: The merge does not exist.
            GraphError: The graph operation failed, or a later merge must be undone first.
            ValidationError: An argument is not valid, the merge was undone already, or one of its
                entities was deleted.
        """
        return entity_duplicates.undo_merge(self._engine, merge_id)

    @public_call(GraphError)
    def list_merges(self, *, limit: int = 100, cursor: str | None = None) -> ListMergesResponse:
        """List the merges of the namespace, newest first, including those that were undone.

        Args:
            limit: The maximum number of merges to return, 1 to 100.
            cursor: `next_cursor` of the previous page.

        Returns:
            For each merge: the entities, the reason and the time. Also whether it was undone,
            whether it can be undone now, and which merges must be undone before it, in their order.

        Raises:
            NotFoundError: The merge at which the cursor stands was deleted.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return entity_duplicates.list_merges(self._engine, limit=limit, cursor=cursor)
