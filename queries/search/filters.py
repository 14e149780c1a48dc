"""The filters of a search: checked, and in the forms that the indexes take."""

import difflib
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from mcp_context_persistence.kg import limits, timestamps, validation
from mcp_context_persistence.kg.cached_property import cached_property
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.filter_tokens import build_token, format_value
from mcp_context_persistence.kg.timestamps import DAY_MS

CONTENT_TYPES = ("message", "entity", "decision", "conversation", "document")
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
FIRST_MS, LAST_MS = -(2**63), 2**63 - 1
_KINDS_WITH_VECTORS = ("message", "entity", "decision", "document")
_HIGHEST = "\uffff"
_DAY = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})(?P<offset>Z|[+-]\d{2}:?\d{2})?")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Conditions that results must fulfill.

    All must hold; within one, any of its values is enough. An empty one does not restrict.

    Attributes:
        start_ms: Earliest time, in milliseconds since 1970 UTC; None for no start.
        end_ms: Latest time, included; None for no end.
        confidence_min: Least confidence of what has one; messages have 1.0.
        metadata: For each key the values, in the form of filter tokens: strings as they are, the
            rest as JSON.
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
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of nodes that may be returned.

        Messages are included where conversations are, because they represent them.
        """
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
        return not (self.has_bounds or self.groups)

    @cached_property
    def groups(self) -> list[list[str]]:
        """Groups of filter tokens, kinds left out: a node must have one token of each group."""
        return [*self._indexed_groups, *self._unindexed_groups]

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
            passing = ("message", "decision")
        elif self.projects or self.tags or self.metadata:
            passing = ("message", "decision", "document")
        else:
            passing = _KINDS_WITH_VECTORS
        return tuple(kind for kind in self.kinds if kind in passing)

    @cached_property
    def impossible_kinds(self) -> tuple[str, ...]:
        """The requested kinds that cannot pass: they do not have what is filtered by."""
        passing = {*self.vector_kinds, *(() if self.roles else ("conversation",))}
        return tuple(kind for kind in self.kinds if kind not in passing)

    @cached_property
    def bounds(self) -> dict[str, Any]:
        """The restrictions as statements take them."""
        return {
            "groups": self.groups,
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
        values_of: dict[str, tuple[str, ...]] = {
            "conversation_id": self.conversation_ids,
            "role": self.roles,
            "project": self.projects,
        }
        is_complete = not self._unindexed_groups
        kinds = self.vector_kinds
        while (
            len(kinds) * math.prod(len(values) or 1 for values in values_of.values())
            > MAX_INDEX_RANGES
        ):
            longest = max(values_of, key=lambda name: len(values_of[name]))
            values_of[longest], is_complete = (), False
        shared = {name: self.bounds[name] for name in ("start_ms", "end_ms", "confidence_min")}
        sides = [
            [(name, value, value) for value in values] or [(name, "", _HIGHEST)]
            for name, values in values_of.items()
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
        fields += [(f"metadata.{key}", values) for key, values in self.metadata.items()]
        return [[build_token(name, value) for value in values] for name, values in fields if values]


NO_FILTERS = Filters()


def build_kind_group(kinds: Sequence[str]) -> list[list[str]]:
    """Return the group of filter tokens for kinds; none where every kind is allowed."""
    if set(kinds) == set(CONTENT_TYPES):
        return []
    return [[build_token("kind", kind) for kind in kinds]]


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
    metadata: dict[str, tuple[str, ...]] = {}
    for key, condition in validation.check_mapping("filters", value).items():
        if isinstance(key, str) and key.startswith("metadata.") and len(key) > len("metadata."):
            _refuse_none("filters.metadata.KEY", condition)
            name = validation.check_string(
                "filters.metadata", key.removeprefix("metadata."), characters=limits.METADATA_BYTES
            )
            metadata[name] = _read_values("filters.metadata", condition, _read_metadata_value)
        elif key not in _READERS:
            raise ValidationError(
                f"filters has an unknown key {validation.describe_key(key)}{_suggest_key(key)}"
            )
        else:
            _refuse_none(f"filters.{key}", condition)
            fields |= _READERS[key](condition)
    if len(metadata) > limits.TAGS:
        raise ValidationError(f"filters has more than {limits.TAGS} keys of metadata")
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
            f"{name} must not be None; leave it out where nothing should be filtered by it"
        )


def _suggest_key(key: object) -> str:
    similar = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.5) if isinstance(key, str) else []
    return f"; did you mean {similar[0]}?" if similar else f"; known are: {', '.join(KEYS)}"


def _read_values(name: str, value: object, check: Callable[[str, object], str]) -> tuple[str, ...]:
    """Return one value or a list of them as a tuple, each once, in order."""
    values = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    if not values:
        raise ValidationError(f"{name} must not be an empty list")
    if len(values) > limits.FILTER_VALUES:
        raise ValidationError(f"{name} has more than {limits.FILTER_VALUES} values")
    return tuple(dict.fromkeys(check(name, item) for item in values))


def _read_metadata_value(name: str, value: object) -> str:
    # As a stored value is read.
    value = validation.check_metadata(name, {"value": value})["value"]  # type: ignore[index]
    if isinstance(value, str):
        return validation.check_text(name, value, characters=limits.METADATA_BYTES)
    if isinstance(value, (bool, int, float)):
        return format_value(value)
    raise ValidationError(f"{name} must be a string, a number or a boolean, or a list of them")


def _check_role(name: str, value: object) -> str:
    return validation.check_choice(name, value, sorted(validation.ROLES))


def _check_content_type(name: str, value: object) -> str:
    return validation.check_choice(name, value, CONTENT_TYPES)


def _reader_of_list(
    key: str, field_name: str, check: Callable[[str, object], str]
) -> Callable[[object], dict[str, Any]]:
    return lambda value: {field_name: _read_values(f"filters.{key}", value, check)}


def _read_date_range(value: object) -> dict[str, Any]:
    name = "filters.date_range"
    value = _read_set_fields(value)
    if not isinstance(value, Mapping) or not value.keys() <= {"start", "end"}:
        raise ValidationError(f"{name} must be a mapping with 'start', 'end' or both")
    if not value:
        raise ValidationError(f"{name} must have 'start', 'end' or both")
    for end, time in value.items():
        _refuse_none(f"{name}.{end}", time)
    first = _read_time(f"{name}.start", value["start"])[0] if "start" in value else None
    last = _read_time(f"{name}.end", value["end"])[1] if "end" in value else None
    if first is not None and last is not None and first > last:
        raise ValidationError(f"{name} ends before it starts")
    return {"start_ms": first, "end_ms": last}


def _read_time(name: str, value: object) -> tuple[int, int]:
    """Return the first and the last millisecond of a day, or a time twice."""
    try:
        if isinstance(value, str):
            value = _parse_time(value.strip())
        if isinstance(value, datetime):
            exact = timestamps.to_milliseconds(value)
            return exact, exact
        if isinstance(value, date):
            value = (value, UTC)
        if isinstance(value, tuple):
            day, zone = value
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            first = timestamps.to_milliseconds(midnight) - int(
                zone.utcoffset(None).total_seconds() * 1000
            )
            return first, first + DAY_MS - 1
    except (ValueError, OverflowError) as error:
        raise ValidationError(
            f"{name} must be a date such as 2024-12-31 or a time in ISO 8601"
        ) from error
    raise ValidationError(f"{name} must be a date such as 2024-12-31 or a time in ISO 8601")


def _parse_time(text: str) -> datetime | tuple[date, timezone]:
    """Parse a time, or a day with its time zone."""
    match = _DAY.fullmatch(text)
    if match is None:
        return datetime.fromisoformat(text)
    return date.fromisoformat(match["day"]), _read_zone(match["offset"])


def _read_zone(offset: str | None) -> timezone:
    if offset is None or offset == "Z":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if minutes > 59:
        raise ValueError("no such offset")
    return timezone((-1 if offset[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


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
    "project": _reader_of_list("project", "projects", validation.check_identifier),
    "tags": _reader_of_list("tags", "tags", validation.check_identifier),
    "role": _reader_of_list("role", "roles", _check_role),
}
