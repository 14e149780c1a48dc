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

        These are compared: names and aliases (ignoring case, accents, legal forms and titles;
        recognizing acronyms, initials, numeronyms such as `k8s`, short forms and spelling
        mistakes), the metadata of people, companies and publications field by field, vectors, and
        shared neighbors.

        A pair is at most `review` if its name may stand for several entities, or if only the
        vectors or the neighbors of the two are similar. Different types, numbers or names of people
        rule a pair out.

        Args:
            entity_id: Id, exact name or alias of an entity, to get only its duplicates.
            entity_types: The types of entities to compare, in any case; None means all types.
            min_score: The smallest score of a pair, 0.0 to 1.0. Pairs below 0.5 are never returned.
            limit: The most pairs to return, 1 to 1,000.

        Returns:
            The pairs, best first, with the evidence of each comparison, and groups that can be
            passed to `merge_entities`.

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
        keep: str,
        duplicates: str | Sequence[str],
        *,
        reason: str | None = None,
        merged_by: str | None = None,
        evidence: Mapping[str, Any] | Sequence[Any] | Any = None,
    ) -> MergeEntitiesResponse:
        """Merge entities into one.

        The mentions, relationships and decisions of the duplicates become those of the entity that
        is kept, and their names become its aliases: what is saved later under one of these names
        belongs to the kept entity. The properties of the kept entity do not change. The merge is
        stored as a node of the graph and can be undone.

        Args:
            keep: Id, exact name or alias of the entity that is kept.
            duplicates: Ids, exact names or aliases of at most 100 entities to merge into it.
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
            keep,
            duplicates,
            reason=reason,
            merged_by=merged_by,
            evidence=evidence,
        )

    @public_call(GraphError)
    def undo_merge(self, merge_id: str) -> UndoMergeResponse:
        """Undo a merge.

        All that the merge changed is restored. What was saved after the merge goes to the entity
        that its text names. If the text names none of the entities, or several, it stays with the
        kept entity, and so do later decisions. A relationship between two of the merged entities
        that a text stated after the merge was not stored.

        Later merges of the same entities must be undone first. The error lists them in the order in
        which to undo them, and so does `list_merges`.

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
    def list_merges(self, *, limit: int = 100, before: str | None = None) -> ListMergesResponse:
        """List the merges of the namespace, newest first, including those that were undone.

        Args:
            limit: The most merges to return, 1 to 100.
            before: Id of a merge, to get only older ones. Pass the last id of a page to get the
                next page.

        Returns:
            For each merge: the entities, reason and time, whether it was undone, and whether it can
            be undone now or which merges must be undone before it, in their order.

        Raises:
            NotFoundError: The merge `before` does not exist.
            GraphError: The graph operation failed.
            ValidationError: An argument is not valid.
        """
        return entity_duplicates.list_merges(self._engine, limit=limit, before=before)
