"""Types of settings: how their values may be written, and what is refused."""

import os
import re
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, ByteSize, Field

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError

SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([a-z]*)")

T = TypeVar("T")


def _refuse_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic takes a ValueError
    return value


def _parse_seconds(value: object) -> object:
    if not isinstance(value, str):
        return _refuse_boolean(value)
    match = _DURATION.fullmatch(value.strip().lower())
    if match is None or match[2] not in SECONDS:
        raise ValueError('must be seconds, such as 30, "30s", "5m" or "1h"')
    return float(match[1]) * SECONDS[match[2]]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _complete_level(value: object) -> object:
    return (
        {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(value.upper(), value.upper())
        if isinstance(value, str)
        else value
    )


def _check_path(value: object) -> object:
    """Check a path, or the name of a model. Without one the setting is None, not empty."""
    return _apply_check(
        validation.check_identifier, os.fspath(value) if isinstance(value, os.PathLike) else value
    )


def _check_labels(value: object) -> object:
    """Check entity types: a list, or a text with commas between them."""
    labels = value.split(",") if isinstance(value, str) else value
    if not isinstance(labels, (list, tuple)) or not labels:
        raise ValueError("must be a list of entity types")
    if len(labels) > limits.GLINER_LABELS:
        raise ValueError(f"has more than {limits.GLINER_LABELS} types")
    return tuple(
        dict.fromkeys(
            _apply_check(
                validation.check_type_name, label.strip() if isinstance(label, str) else label
            )
            for label in labels
        )
    )


def _apply_check(check: Callable[[str, object], T], value: object) -> T:
    """Apply a check of this library; pydantic adds the name of the field to the error."""
    try:
        return check("", value)
    except ValidationError as error:
        raise ValueError(str(error).strip()) from None


Integer = Annotated[int, BeforeValidator(_refuse_boolean)]
Share = Annotated[
    float, BeforeValidator(_refuse_boolean), Field(ge=0.0, le=1.0, allow_inf_nan=False)
]
Seconds = Annotated[float, BeforeValidator(_parse_seconds), Field(allow_inf_nan=False)]
Model = Annotated[str, BeforeValidator(_check_path)]
PathName = Model
Labels = Annotated[tuple[str, ...], BeforeValidator(_check_labels)]
Size = Annotated[ByteSize, BeforeValidator(_refuse_boolean)]
Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_complete_level)
]
Lowercase = BeforeValidator(_lower)
Language = Annotated[
    Literal[
        "auto",
        "en",
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "nl",
        "ru",
        "el",
        "ar",
        "he",
        "hi",
        "ja",
        "zh",
        "ko",
        "th",
    ],
    Lowercase,
]
Format = Annotated[Literal["json", "text"], Lowercase]
