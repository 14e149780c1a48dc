"""What a search may return: the documented filters, checked, and in the forms that the indexes take."""

import difflib
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from mcp_context_persistence.kg import limits, timestamps, validation
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
BOXES = 12  # searches of the vector index that one filter may be turned into
FIRST_MS, LAST_MS = -(2**63), 2**63 - 1
_WITH_VECTORS = ("message", "entity", "decision", "document")
_HIGHEST = "\uffff"
_DAY = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})(?P<offset>Z|[+-]\d{2}:?\d{2})?")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """All given filters must hold; within one filter any of its values will do. An empty one does not restrict.

    Attributes:
        start_ms: First moment, in milliseconds since 1970 UTC; None for no start.
        end_ms: Last moment, included; None for no end.
        confidence_min: Least confidence of what has one; messages have 1.0.
        metadata: For each key the values, written as the facets have them: strings as they are, the rest as JSON.
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

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of nodes that may be returned; conversations stand for their messages too."""
        wanted = set(self.content_types or CONTENT_TYPES)
        if "conversation" in wanted:
            wanted.add("message")
        return tuple(kind for kind in CONTENT_TYPES if kind in wanted)

    @property
    def bounded(self) -> bool:
        """Whether time or confidence is restricted."""
        return (
            self.start_ms is not None or self.end_ms is not None or self.confidence_min is not None
        )

    @property
    def only_kinds(self) -> bool:
        """Whether nothing but the kind is restricted."""
        return not (self.bounded or self.groups)

    @property
    def groups(self) -> list[list[str]]:
        """Facets, but for those of kinds: a node must have one of each group."""
        return [*self._exact_groups, *self._residual_groups]

    def kind_group(self, kinds: Sequence[str] | None = None) -> list[list[str]]:
        """The group of facets for kinds; none where every kind will do."""
        wanted = self.kinds if kinds is None else kinds
        return (
            []
            if set(wanted) == set(CONTENT_TYPES)
            else [[build_token("kind", kind) for kind in wanted]]
        )

    @property
    def vector_kinds(self) -> tuple[str, ...]:
        """The kinds that have vectors and can pass: only messages have a role, entities and documents belong to no conversation."""
        if self.roles:
            able: tuple[str, ...] = ("message",)
        elif self.conversation_ids:
            able = ("message", "decision")
        elif self.projects or self.tags or self.metadata:
            able = ("message", "decision", "document")
        else:
            able = _WITH_VECTORS
        return tuple(kind for kind in self.kinds if kind in able)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The kinds that are asked for, or would be, and cannot pass: they have nothing of what is filtered by."""
        able = {*self.vector_kinds, *(() if self.roles else ("conversation",))}
        return tuple(kind for kind in self.kinds if kind not in able)

    def boxes(self) -> tuple[list[dict[str, Any]], bool]:
        """Ranges of the vector index's properties, and whether they are all there is to the filter.

        A filter of many values makes no more than `BOXES` boxes; the longest lists are then left to a check of each hit.
        """
        lists: dict[str, tuple[str, ...]] = {
            "conversation_id": self.conversation_ids,
            "role": self.roles,
            "project": self.projects,
        }
        whole = not self._residual_groups
        kinds = self.vector_kinds
        while len(kinds) * math.prod(len(values) or 1 for values in lists.values()) > BOXES:
            longest = max(lists, key=lambda name: len(lists[name]))
            lists[longest], whole = (), False
        shared = {
            "start_ms": FIRST_MS if self.start_ms is None else self.start_ms,
            "end_ms": LAST_MS if self.end_ms is None else self.end_ms,
            "confidence_min": self.confidence_min or 0.0,
        }
        ranges = [
            [(name, value, value) for value in values] or [(name, "", _HIGHEST)]
            for name, values in lists.items()
        ]
        boxes = [
            {
                "kind": kind,
                **shared,
                **{
                    f"{name}_{end}": value
                    for name, *ends in sides
                    for end, value in zip(("from", "to"), ends, strict=True)
                },
            }
            for kind in kinds
            for sides in itertools.product(*ranges)
        ]
        return boxes, whole

    @property
    def _exact_groups(self) -> list[list[str]]:
        given = (
            ("conversation_id", self.conversation_ids),
            ("role", self.roles),
            ("project", self.projects),
        )
        return [[build_token(name, value) for value in values] for name, values in given if values]

    @property
    def _residual_groups(self) -> list[list[str]]:
        types = tuple(
            dict.fromkeys(form for one in self.entity_types for form in (one.lower(), one))
        )
        given = [("tag", self.tags), ("mentions", types)]
        given += [(f"metadata.{key}", values) for key, values in self.metadata.items()]
        return [[build_token(name, value) for value in values] for name, values in given if values]


def parse(raw: object) -> Filters:
    """Check filters as a caller gives them: a mapping, an object of pydantic, or None.

    A key whose value is None is refused: the value is missing, and without the filter the search
    would return everybody's data. Fields of an object that were not set are no keys.

    Raises:
        ValidationError: A key is unknown (the text names the nearest one), or a value is not valid.
    """
    raw = _set_fields(raw)
    if raw is None:
        return Filters()
    if not isinstance(raw, Mapping):
        raise ValidationError("filters must be a mapping")
    found: dict[str, Any] = {}
    metadata: dict[str, tuple[str, ...]] = {}
    for key, value in raw.items():
        if isinstance(key, str) and key.startswith("metadata.") and len(key) > len("metadata."):
            _refuse_none("filters.metadata.KEY", value)
            name = validation.check_string(
                "filters.metadata", key.removeprefix("metadata."), characters=limits.METADATA_BYTES
            )
            metadata[name] = _each("filters.metadata", value, _plain)
        elif key not in _READERS:
            raise ValidationError(
                f"filters has an unknown key {validation.describe_key(key)}{_hint(key)}"
            )
        else:
            _refuse_none(f"filters.{key}", value)
            found |= _READERS[key](value)
    if len(metadata) > limits.TAGS:
        raise ValidationError(f"filters has more than {limits.TAGS} keys of metadata")
    return Filters(**found, metadata=metadata)


def _set_fields(value: object) -> object:
    """Return an object of pydantic as a mapping of the fields that were set, anything else as it is."""
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return value.model_dump(exclude_unset=True, warnings=False)
    return value


def _refuse_none(name: str, value: object) -> None:
    if value is None:
        raise ValidationError(
            f"{name} must not be None; leave it out where nothing should be filtered by it"
        )


def _hint(key: object) -> str:
    near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.5) if isinstance(key, str) else []
    return f"; did you mean {near[0]}?" if near else f"; known are: {', '.join(KEYS)}"


def _each(name: str, value: object, check: Callable[[str, object], str]) -> tuple[str, ...]:
    """One value or a list of them; each once, in order."""
    values = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    if not values:
        raise ValidationError(f"{name} must not be an empty list")
    if len(values) > limits.FILTER_VALUES:
        raise ValidationError(f"{name} has more than {limits.FILTER_VALUES} values")
    return tuple(dict.fromkeys(check(name, one) for one in values))


def _plain(name: str, value: object) -> str:
    value = validation.check_metadata(name, {"value": value})["value"]  # type: ignore[index]  # as a stored one would be
    if isinstance(value, str):
        return validation.check_text(name, value, characters=limits.METADATA_BYTES)
    if isinstance(value, (bool, int, float)):
        return format_value(value)
    raise ValidationError(f"{name} must be a string, a number or a boolean, or a list of them")


def _role(name: str, value: object) -> str:
    return validation.check_choice(name, value, sorted(validation.ROLES))


def _content_type(name: str, value: object) -> str:
    return validation.check_choice(name, value, CONTENT_TYPES)


def _listed(
    key: str, into: str, check: Callable[[str, object], str]
) -> Callable[[object], dict[str, Any]]:
    return lambda value: {into: _each(f"filters.{key}", value, check)}


def _date_range(value: object) -> dict[str, Any]:
    name = "filters.date_range"
    value = _set_fields(value)
    if not isinstance(value, Mapping) or not value.keys() <= {"start", "end"}:
        raise ValidationError(f"{name} must be a mapping with 'start', 'end' or both")
    if not value:
        raise ValidationError(f"{name} must have 'start', 'end' or both")
    for end, moment in value.items():
        _refuse_none(f"{name}.{end}", moment)
    first = _moment(f"{name}.start", value["start"])[0] if "start" in value else None
    last = _moment(f"{name}.end", value["end"])[1] if "end" in value else None
    if first is not None and last is not None and first > last:
        raise ValidationError(f"{name} ends before it starts")
    return {"start_ms": first, "end_ms": last}


def _moment(name: str, value: object) -> tuple[int, int]:
    """The first and the last millisecond of a day, or a moment twice."""
    try:
        if isinstance(value, str):
            value = _read(value.strip())
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


def _read(text: str) -> datetime | tuple[date, timezone]:
    """A moment, or a day with the zone it lies in."""
    match = _DAY.fullmatch(text)
    if match is None:
        return datetime.fromisoformat(text)
    return date.fromisoformat(match["day"]), _zone(match["offset"])


def _zone(offset: str | None) -> timezone:
    if offset is None or offset == "Z":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if minutes > 59:
        raise ValueError("no such offset")
    return timezone((-1 if offset[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


_READERS: dict[object, Callable[[object], dict[str, Any]]] = {
    "conversation_id": _listed("conversation_id", "conversation_ids", validation.check_identifier),
    "date_range": _date_range,
    "entity_types": _listed("entity_types", "entity_types", validation.check_type_name),
    "content_types": _listed("content_types", "content_types", _content_type),
    "confidence_min": lambda value: {
        "confidence_min": validation.check_confidence("filters.confidence_min", value)
    },
    "project": _listed("project", "projects", validation.check_identifier),
    "tags": _listed("tags", "tags", validation.check_identifier),
    "role": _listed("role", "roles", _role),
}
