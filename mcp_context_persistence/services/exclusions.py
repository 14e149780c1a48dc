"""The arguments of searches that exclude conversations and ids."""

from dataclasses import dataclass, replace

from mcp_context_persistence.kg import validation
from mcp_context_persistence.queries.search.filters import Filters, read_filters
from mcp_context_persistence.queries.search.metadata_filters import read_values
from mcp_context_persistence.runtime.config.argument_defaults import UNSET


@dataclass(frozen=True, kw_only=True)
class Exclusions:
    """What a search excludes, as the caller passes it; None or an empty list excludes nothing.

    Attributes:
        conversation_id: An id of a conversation of which nothing is returned, or a list of ids.
        ids: The id of a result to leave out, or a list of ids.
    """

    conversation_id: object = UNSET
    ids: object = UNSET

    @property
    def is_passed(self) -> bool:
        """Whether the caller passed anything."""
        return self.conversation_id is not UNSET or self.ids is not UNSET

    def read_filters(self, filters: object) -> Filters:
        """Check filters, and return them together with the exclusions.

        Raises:
            ValidationError: A filter or an exclusion is not valid.
        """
        checked = read_filters(None if filters is UNSET else filters)
        conversation_ids = _read_ids("exclude_conversation_id", self.conversation_id)
        ids = _read_ids("exclude_ids", self.ids)
        if not conversation_ids and not ids:
            return checked
        return replace(checked, excluded_conversation_ids=conversation_ids, excluded_ids=ids)


NO_EXCLUSIONS = Exclusions()


def _read_ids(name: str, value: object) -> tuple[str, ...]:
    if value is None or value is UNSET:
        return ()
    with validation.reading(name):
        if isinstance(value, (list, tuple, set)) and not value:
            return ()
        return read_values(name, value, validation.check_identifier)
