"""The filters of a search: checked, and in the forms that the indexes take."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mcp_context_persistence.kg import limits, timestamps, validation
from mcp_context_persistence.kg.cached_property import cached_property
from mcp_context_persistence.kg.driver.statement import Run
from mcp_context_persistence.kg.errors import LimitError, ValidationError
from mcp_context_persistence.kg.filter_tokens import build_token, build_value_token
from mcp_context_persistence.queries.search.id_intervals import HIGHEST, list_intervals_between
from mcp_context_persistence.queries.search.metadata_filters import (
    MetadataCondition,
    list_unicode_forms,
    name_key,
    read_condition,
    read_values,
    resolve_bounds,
)

CONTENT_TYPES = ("message", "entity", "decision", "instruction", "conversation", "document")
KEYS = (
    "conversation_id",
    "date_range",
    "entity_types",
    "content_types",
    "confidence_min",
    "project",
    "tags",
    "role",
    "metadata.KEY",
)
MAX_INDEX_RANGES = 12  # searches of the vector index for one filter
MAX_INDEX_TOKENS = 500  # filter tokens in one fulltext query, which may have 1,024 clauses
FIRST_MS, LAST_MS = -(2**63), 2**63 - 1
NO_TOKEN = build_token("nothing", "")  # that no node has
_KINDS_WITH_VECTORS = ("message", "entity", "decision", "instruction", "document")
_ALL = ("", HIGHEST)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Conditions that results must fulfill.

    All must hold; within one, any of its values is enough. An empty one does not restrict.

    Attributes:
        start_ms: Earliest time, in milliseconds since 1970 UTC; None for no start.
        end_ms: Latest time, included; None for no end.
        confidence_min: Least confidence of what has one; messages have 1.0.
        metadata: Conditions on values of metadata, by the paths of their keys.
        excluded_conversation_ids: Conversations of which nothing is returned.
        excluded_ids: Ids of results to leave out.
    """

    conversation_ids: tuple[str, ...] = ()
    start_ms: int | None = None
    end_ms: int | None = None
    entity_types: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    confidence_min: float | None = None
    projects: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    metadata: Mapping[str, MetadataCondition] = field(default_factory=dict)
    excluded_conversation_ids: tuple[str, ...] = ()
    excluded_ids: tuple[str, ...] = ()

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of nodes that may be returned.

        Conditions on metadata exclude entities, also if they only exclude values.
        """
        return tuple(
            kind for kind in self._requested_kinds if not (self.metadata and kind == "entity")
        )

    @cached_property
    def _requested_kinds(self) -> tuple[str, ...]:
        """The requested kinds, and messages where conversations are: they represent them."""
        kinds = set(self.content_types or CONTENT_TYPES)
        if "conversation" in kinds:
            kinds.add("message")
        return tuple(kind for kind in CONTENT_TYPES if kind in kinds)

    @cached_property
    def has_bounds(self) -> bool:
        """Whether time or confidence is restricted."""
        return (
            self.start_ms is not None or self.end_ms is not None or self.confidence_min is not None
        )

    @cached_property
    def has_only_kinds(self) -> bool:
        """Whether nothing but the kind is restricted."""
        return not (self.has_bounds or self.groups or self.excluded)

    @cached_property
    def groups(self) -> list[list[str]]:
        """Groups of filter tokens, kinds left out: a node must have one token of each group."""
        return [*self._indexed_groups, *self._unindexed_groups]

    @cached_property
    def excluded(self) -> list[str]:
        """The filter tokens of which a node must have none."""
        return [
            *(build_token("conversation_id", key) for key in self.excluded_conversation_ids),
            *self._excluded_values,
        ]

    @cached_property
    def _excluded_values(self) -> list[str]:
        return [
            token
            for path, condition in self.metadata.items()
            for token in _build_value_tokens(path, condition.none_of)
        ]

    @cached_property
    def fulltext_tokens(self) -> tuple[list[list[str]], list[str]]:
        """The groups that a fulltext query requires and the tokens that it excludes.

        These are the smallest groups that it has room for; the rest is checked on each candidate.
        """
        groups, room = [], MAX_INDEX_TOKENS
        for group in sorted(self.groups, key=len):
            if len(group) <= room:
                groups.append(group)
                room -= len(group)
        return groups, self.excluded if len(self.excluded) <= room else []

    @cached_property
    def kind_group(self) -> list[list[str]]:
        """The group of filter tokens of `kinds`; none where every kind is allowed."""
        return build_kind_group(self.kinds)

    @cached_property
    def vector_kinds(self) -> tuple[str, ...]:
        """The kinds that have vectors and can pass.

        Only messages have a role; entities and documents belong to no conversation.
        """
        if self.roles:
            passing: tuple[str, ...] = ("message",)
        elif self.conversation_ids:
            passing = ("message", "decision", "instruction")
        elif self.projects or self.tags or self.metadata:
            passing = ("message", "decision", "instruction", "document")
        else:
            passing = _KINDS_WITH_VECTORS
        return tuple(kind for kind in self.kinds if kind in passing)

    @cached_property
    def has_all_vector_kinds(self) -> bool:
        """Whether no kind that has vectors is left out."""
        return len(self.vector_kinds) == len(_KINDS_WITH_VECTORS)

    @cached_property
    def impossible_kinds(self) -> tuple[str, ...]:
        """The requested kinds that cannot pass, because they lack a filtered property."""
        passing = {*self.vector_kinds, *(() if self.roles else ("conversation",))}
        return tuple(kind for kind in self._requested_kinds if kind not in passing)

    @cached_property
    def bounds(self) -> dict[str, Any]:
        """The restrictions as statements take them."""
        return {
            "groups": self.groups,
            "excluded": self.excluded,
            "excluded_ids": list(self.excluded_ids),
            "bounded": self.has_bounds,
            "start_ms": FIRST_MS if self.start_ms is None else self.start_ms,
            "end_ms": LAST_MS if self.end_ms is None else self.end_ms,
            "confidence_min": self.confidence_min or 0.0,
        }

    @property
    def is_in_index(self) -> bool:
        """Whether `index_ranges` express the whole filter."""
        return self._index_ranges[1]

    @property
    def index_ranges(self) -> list[dict[str, Any]]:
        """Ranges of the vector index's properties.

        A filter of many values makes at most `MAX_INDEX_RANGES`; the longest lists are then left to
        a check of each candidate.
        """
        return self._index_ranges[0]

    @cached_property
    def _index_ranges(self) -> tuple[list[dict[str, Any]], bool]:
        intervals_of: dict[str, list[tuple[str, str]]] = {
            "conversation_id": self._conversation_intervals,
            "role": [(value, value) for value in self.roles] or [_ALL],
            "project": [(value, value) for value in self.projects] or [_ALL],
        }
        is_complete = not (self._unindexed_groups or self._excluded_values)
        kinds = self.vector_kinds
        while len(kinds) * math.prod(map(len, intervals_of.values())) > MAX_INDEX_RANGES:
            longest = max(intervals_of, key=lambda name: len(intervals_of[name]))
            if len(intervals_of[longest]) == 1:
                break
            intervals_of[longest], is_complete = [_ALL], False
        shared = {name: self.bounds[name] for name in ("start_ms", "end_ms", "confidence_min")}
        sides = [
            [(name, first, last) for first, last in intervals]
            for name, intervals in intervals_of.items()
        ]
        ranges = [
            {
                "kind": kind,
                **shared,
                **{f"{name}_from": first for name, first, _ in combination},
                **{f"{name}_to": last for name, _, last in combination},
            }
            for kind in kinds
            for combination in itertools.product(*sides)
        ]
        return ranges, is_complete

    @cached_property
    def _conversation_intervals(self) -> list[tuple[str, str]]:
        """The ids of conversations that may pass, as intervals with both ends."""
        excluded = self.excluded_conversation_ids
        if self.conversation_ids:
            return [(key, key) for key in self.conversation_ids if key not in excluded]
        return list_intervals_between(excluded)

    @cached_property
    def _indexed_groups(self) -> list[list[str]]:
        fields = (
            ("conversation_id", self.conversation_ids),
            ("role", self.roles),
            ("project", self.projects),
        )
        return [[build_token(name, value) for value in values] for name, values in fields if values]

    @cached_property
    def _unindexed_groups(self) -> list[list[str]]:
        types = tuple(
            dict.fromkeys(
                form
                for entity_type in self.entity_types
                for form in (entity_type.lower(), entity_type)
            )
        )
        fields = [("tag", self.tags), ("mentions", types)]
        groups = [
            [build_token(name, value) for value in values] for name, values in fields if values
        ]
        for path, condition in self.metadata.items():
            if condition.bounds:
                raise AssertionError("bounds are resolved before a search")
            if condition.any_of is not None:
                groups.append(_build_value_tokens(path, condition.any_of) or [NO_TOKEN])
        return groups


NO_FILTERS = Filters()


def _build_value_tokens(path: str, values: Sequence[str]) -> list[str]:
    """Return the filter tokens of values of metadata, for both forms of Unicode of their key."""
    return [build_value_token(key, value) for key in list_unicode_forms(path) for value in values]


def build_kind_group(kinds: Sequence[str]) -> list[list[str]]:
    """Return the group of filter tokens for kinds; none where every kind is allowed."""
    if set(kinds) == set(CONTENT_TYPES):
        return []
    return [[build_token("kind", kind) for kind in kinds] or [NO_TOKEN]]


def resolve_filters(run: Run, namespace: str, filters: Filters) -> tuple[Filters, list[str]]:
    """Replace ranges of metadata by stored values; return notes on what was read for that.

    Raises:
        ValidationError: Too much would have to be read.
    """
    conditions, notes = resolve_bounds(
        run, namespace, filters.metadata, conversation_ids=filters.conversation_ids
    )
    return (replace(filters, metadata=conditions) if notes else filters), notes


def read_filters(value: object) -> Filters:
    """Check filters as a caller passes them: a mapping, an object of pydantic, or None.

    A key whose value is None is refused: the value is missing, and without the filter the search
    would return everybody's data. Fields of an object that were not set are no keys.

    Raises:
        ValidationError: A key is unknown (the text names the nearest one), or a value is not valid.
    """
    if value is None:
        return NO_FILTERS
    with validation.reading("filters"):
        return _read_conditions(_read_set_fields(value))


def _read_conditions(value: object) -> Filters:
    fields: dict[str, Any] = {}
    metadata: dict[str, MetadataCondition] = {}
    for key, condition in validation.check_mapping("filters", value).items():
        if isinstance(key, str) and key.startswith("metadata.") and len(key) > len("metadata."):
            path = validation.check_string(
                "filters.metadata", key.removeprefix("metadata."), characters=limits.METADATA_BYTES
            )
            _refuse_none(name_key(path), condition)
            metadata[path] = read_condition(path, condition)
        elif key not in _READERS:
            raise ValidationError(f"filters has {validation.describe_unknown_key(key, KEYS)}")
        else:
            _refuse_none(f"filters.{key}", condition)
            fields |= _READERS[key](condition)
    if len(metadata) > limits.TAGS:
        raise LimitError(f"filters has more than {limits.TAGS} keys of metadata")
    if not fields and not metadata:
        return NO_FILTERS
    return Filters(**fields, metadata=metadata)


def _read_set_fields(value: object) -> object:
    """Return an object of pydantic as a mapping of its set fields, other values as they are."""
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return value.model_dump(exclude_unset=True, warnings=False)
    return value


def _refuse_none(name: str, value: object) -> None:
    if value is None:
        raise ValidationError(
            f"{name} must not be None; if you do not want to filter by it, leave it out"
        )


def _check_role(name: str, value: object) -> str:
    return validation.check_choice(name, value, sorted(validation.ROLES))


def _check_content_type(name: str, value: object) -> str:
    return validation.check_choice(name, value, CONTENT_TYPES)


def _reader_of_list(
    key: str, field_name: str, check: Callable[[str, object], str]
) -> Callable[[object], dict[str, Any]]:
    return lambda value: {field_name: read_values(f"filters.{key}", value, check)}


def _reader_of_texts(key: str, field_name: str) -> Callable[[object], dict[str, Any]]:
    """Return a reader of a list of texts, which finds each in both forms of Unicode."""

    def read(value: object) -> dict[str, Any]:
        values = read_values(f"filters.{key}", value, validation.check_identifier)
        return {field_name: tuple(itertools.chain.from_iterable(map(list_unicode_forms, values)))}

    return read


def _read_date_range(value: object) -> dict[str, Any]:
    name = "filters.date_range"
    value = _read_set_fields(value)
    if not isinstance(value, Mapping) or not value.keys() <= {"start", "end"}:
        raise ValidationError(f"{name} must be a mapping with 'start', 'end' or both")
    if not value:
        raise ValidationError(f"{name} must have 'start', 'end' or both")
    for end, time in value.items():
        _refuse_none(f"{name}.{end}", time)
    first = timestamps.read_span(f"{name}.start", value["start"])[0] if "start" in value else None
    last = timestamps.read_span(f"{name}.end", value["end"])[1] if "end" in value else None
    if first is not None and last is not None and first > last:
        raise ValidationError(f"{name} ends before it starts")
    return {"start_ms": first, "end_ms": last}


_READERS: dict[object, Callable[[object], dict[str, Any]]] = {
    "conversation_id": _reader_of_list(
        "conversation_id", "conversation_ids", validation.check_identifier
    ),
    "date_range": _read_date_range,
    "entity_types": _reader_of_list("entity_types", "entity_types", validation.check_type_name),
    "content_types": _reader_of_list("content_types", "content_types", _check_content_type),
    "confidence_min": lambda value: {
        "confidence_min": validation.check_share("filters.confidence_min", value)
    },
    "project": _reader_of_texts("project", "projects"),
    "tags": _reader_of_texts("tags", "tags"),
    "role": _reader_of_list("role", "roles", _check_role),
}
