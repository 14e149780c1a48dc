"""Conditions on values of metadata.

A condition on equal values becomes filter tokens. The index has no ranges: the values that are
stored under the key are compared, and those within the range become filter tokens.
"""

import operator
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain
from typing import Any, TypeVar

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement
from mcp_context_persistence.kg.errors import LimitError, ValidationError
from mcp_context_persistence.kg.filter_tokens import (
    build_key_token,
    build_token,
    format_value,
    list_values,
)
from mcp_context_persistence.kg.plain_values import join_key, to_plain
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.queries.search.query_terms import build_filter_query

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_OWNERS = ("message", "conversation", "document")  # kinds of nodes that have metadata of their own
Number = int | float
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class MetadataCondition:
    """The conditions for the values of one key; all of them must be fulfilled.

    Attributes:
        any_of: The values, written as `format_value` does, of which one must be there; None where
            any value may be there.
        none_of: The values of which none may be there.
        bounds: Operators with their operands, all numbers or all strings. One value must be within
            all of them.
    """

    any_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] = ()
    bounds: tuple[tuple[str, str | Number], ...] = ()

    def is_within_bounds(self, value: object) -> bool:
        """Return whether a value has the type of the bounds and is within them."""
        value_types = str if isinstance(self.bounds[0][1], str) else (int, float)
        return (
            isinstance(value, value_types)
            and not isinstance(value, bool)
            and all(
                OPERATORS[name](_compose_text(value), _compose_text(operand))
                for name, operand in self.bounds
            )
        )


def list_unicode_forms(text: str) -> tuple[str, ...]:
    """Return a text as it is written, and in the composed and the decomposed form of Unicode."""
    if text.isascii():
        return (text,)
    return tuple(dict.fromkeys((text, _compose(text), unicodedata.normalize("NFD", text))))


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def name_key(path: str) -> str:
    """Return the full name of a filter of metadata, for errors and notes."""
    return reduce(join_key, path.split("."), "filters.metadata")


def read_condition(path: str, value: object) -> MetadataCondition:
    """Check a condition: a value, a list of values, or a mapping of operators.

    Raises:
        ValidationError: It is none of these.
    """
    name = name_key(path)
    if not isinstance(value, Mapping):
        return MetadataCondition(any_of=_read_texts(name, value))
    if not value or not value.keys() <= {*OPERATORS, "not"}:
        raise ValidationError(
            f"{name} must be a value, a list of values, or a mapping with the operators "
            f"{', '.join(OPERATORS)} and not"
        )
    bounds = tuple(
        (operator, _read_operand(f"{name}.{operator}", operand))
        for operator, operand in value.items()
        if operator != "not"
    )
    if len({isinstance(operand, str) for _, operand in bounds}) > 1:
        raise ValidationError(f"{name} must have bounds of one type: all numbers, or all strings")
    none_of = _read_texts(f"{name}.not", value["not"]) if "not" in value else ()
    return MetadataCondition(none_of=none_of, bounds=bounds)


def read_values(
    name: str, value: object, read: Callable[[str, object], Value]
) -> tuple[Value, ...]:
    """Return one value or a list of them as a tuple, each once, in order."""
    values = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
    if not values:
        raise ValidationError(f"{name} must not be an empty list")
    if len(values) > limits.FILTER_VALUES:
        raise LimitError(f"{name} has more than {limits.FILTER_VALUES} values")
    return tuple(dict.fromkeys(read(name, item) for item in values))


def _read_texts(name: str, value: object) -> tuple[str, ...]:
    """Return one value or a list as `format_value` writes them, in both forms of Unicode."""
    return tuple(dict.fromkeys(chain.from_iterable(read_values(name, value, _read_forms))))


def _read_forms(name: str, value: object) -> tuple[str, ...]:
    plain = _read_value(name, value)
    return tuple(
        map(format_value, list_unicode_forms(plain) if isinstance(plain, str) else (plain,))
    )


def _compose_text(value: str | Number) -> Any:
    return _compose(value) if isinstance(value, str) else value


def _read_value(name: str, value: object) -> str | bool | Number:
    """Check a value, which is read as a stored one is."""
    plain = None if value is None else to_plain(name, value)
    if isinstance(plain, str):
        return validation.check_text(name, plain, characters=limits.METADATA_BYTES)
    if isinstance(plain, (bool, int, float)):
        return plain
    raise ValidationError(f"{name} must be a string, a number or a boolean, or a list of them")


def _read_operand(name: str, value: object) -> str | Number:
    plain = None if value is None else to_plain(name, value)
    if isinstance(plain, bool) or not isinstance(plain, (str, int, float)):
        raise ValidationError(f"{name} must be a number or a string")
    return _read_value(name, plain)


def resolve_bounds(
    run: Run,
    namespace: str,
    conditions: Mapping[str, MetadataCondition],
    *,
    conversation_ids: Iterable[str] = (),
) -> tuple[dict[str, MetadataCondition], list[str]]:
    """Replace the bounds of conditions by the stored values that are within them.

    Args:
        run: Runs a statement and returns its rows.
        namespace: Name of the namespace.
        conditions: The conditions by the paths of their keys.
        conversation_ids: The conversations that are searched; none for all.

    Returns:
        The conditions without bounds, and notes on how much was read.

    Raises:
        ValidationError: More metadata than `FILTERED_METADATA` would have to be read.
    """
    ranges = {path: condition for path, condition in conditions.items() if condition.bounds}
    if not ranges:
        return dict(conditions), []
    names = ", ".join(map(name_key, ranges))
    rows = run(_read_metadata(namespace, ranges, conversation_ids))
    if len(rows) > limits.FILTERED_METADATA:
        raise ValidationError(
            f"{names}: a range reads the metadata of at most {limits.FILTERED_METADATA:,} "
            "messages, conversations and passages; name conversations in conversation_id"
        )
    values = {path: dict.fromkeys(text for row in rows for text in row[path]) for path in ranges}
    resolved = {
        path: replace(condition, any_of=tuple(values[path]), bounds=())
        for path, condition in ranges.items()
    }
    return {**conditions, **resolved}, [
        f"{names}: the index has no ranges, so the values in {len(rows):,} messages, "
        "conversations and passages were compared"
    ]


def _read_metadata(
    namespace: str, ranges: Mapping[str, MetadataCondition], conversation_ids: Iterable[str]
) -> Statement[Mapping[str, list[str]]]:
    """Read for each path the values within its bounds, a row for each node that has a key."""
    composed_paths = {path: _compose(path) for path in ranges}
    groups = [
        [build_token("namespace", namespace)],
        [build_token("kind", kind) for kind in _OWNERS],
        list(
            dict.fromkeys(
                build_key_token(key) for path in ranges for key in list_unicode_forms(path)
            )
        ),
        [build_token("conversation_id", key) for key in conversation_ids],
    ]
    batch = {
        "namespace": namespace,
        "query": build_filter_query(group for group in groups if group),
        "limit": limits.FILTERED_METADATA + 1,
    }

    def read(row: Row) -> Mapping[str, list[str]]:
        within: dict[str, list[str]] = {path: [] for path in ranges}
        for key, value in list_values(load_stored(row["metadata"], "metadata") or {}):
            composed_key = _compose(key)
            for path, composed_path in composed_paths.items():
                if composed_path == composed_key and ranges[path].is_within_bounds(value):
                    within[path].append(format_value(value))
        return within

    return Statement(name="search/metadata", parameters={"batch": batch}, read=read)
