r"""Types of entities of the caller's own: what a list of regular expressions finds, in time linear in the text.

The engine is RE2: no expression makes it slow, so there are no look-arounds and no back-references, and ``\b``, ``\w`` and ``\d`` know
ASCII only.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import re2

from mcp_context_persistence.ingest.extraction.results import Found
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError

RULE = "pattern:"
CUSTOM = -1  # tier: before all rules of our own
_PROBES = ("", "a", "A", "0", " ", "_", "-", ".", "é", "a b", "A.b", "1,2\n3")


class Patterns:
    """Checked and compiled patterns.

    Attributes:
        version: Of the store's patterns; 0 while there are none.
        confidence: Of what they find, 0 to 1.
        types: The expressions by type.
    """

    def __init__(
        self, types: Mapping[str, Sequence[str]], *, confidence: float, version: int = 0
    ) -> None:
        self.types = {name: tuple(listed) for name, listed in types.items()}
        self.confidence = confidence
        self.version = version
        self._compiled = [
            (name, _compiled(f"patterns.{name}[{place}]", one))
            for name in types
            for place, one in enumerate(types[name])
        ]

    def found(self, text: str) -> Iterator[Found]:
        """What the patterns match, as candidates that may overlap; a match that is too long for a name is none."""
        for name, compiled in self._compiled:
            for match in compiled.finditer(text):
                start, end = match.span()
                words = text[start:end]
                start, end = (
                    start + len(words) - len(words.lstrip()),
                    end - len(words) + len(words.rstrip()),
                )
                if (
                    start < end
                    and len(text[start:end].encode(errors="replace")) <= limits.IDENTIFIER_BYTES
                ):
                    yield Found(start, end, name, RULE + name, CUSTOM)

    def written(self) -> str:
        """As JSON, for the store."""
        return json.dumps({"confidence": self.confidence, "types": self.types}, ensure_ascii=False)


def stored(version: int, written: str) -> Patterns:
    """Patterns as the store has them."""
    found = json.loads(written)
    return Patterns(found["types"], confidence=found["confidence"], version=version)


def checked(patterns: object, confidence: object) -> Patterns:
    """Patterns as a caller gives them.

    Raises:
        ValidationError: Something is not valid; the text names the type, the place in its list and the position in the expression.
    """
    sure = validation.check_confidence("confidence", confidence)
    if not isinstance(patterns, Mapping):
        raise ValidationError("patterns must be a mapping of types to lists of regular expressions")
    count, types = 0, {}
    for name, listed in patterns.items():
        known = validation.check_type_name("patterns: a type", name)
        if isinstance(listed, (str, bytes)) or not isinstance(listed, Sequence):
            raise ValidationError(f"patterns.{known} must be a list of regular expressions")
        count += len(listed)
        if count > limits.ENTITY_PATTERNS:
            raise ValidationError(f"patterns has more than {limits.ENTITY_PATTERNS} expressions")
        types[known] = [
            validation.check_text(
                f"patterns.{known}[{place}]", one, characters=limits.PATTERN_CHARACTERS
            )
            for place, one in enumerate(listed)
        ]
    return Patterns(types, confidence=sure)


def _compiled(field: str, pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason, _, part = _said(error).partition(": ")
        raise ValidationError(
            f"{field} is not a valid expression at position {_position(pattern, part)}: {_reason(reason)}"
        ) from None
    for probe in _PROBES:
        if any(match.start() == match.end() for match in compiled.finditer(probe)):
            raise ValidationError(
                f"{field} matches the empty string; let it match at least one character"
            )
    return compiled


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _reason(reason: str) -> str:
    """RE2's reason, which is one of a fixed set; what it says beyond that may be a part of the expression."""
    if reason == "invalid perl operator":
        return "look-arounds are not supported"
    if reason.startswith("trailing"):
        return "a backslash at the end"
    return reason if re.fullmatch(r"[a-z ()[\]-]{1,60}", reason) else "it cannot be compiled"


def _position(pattern: str, part: str) -> int:
    """Where in the expression the mistake lies, counted from 0: RE2 says which part it dislikes, Python's parser says where."""
    at = pattern.find(part) if part else -1
    if at > 0:
        return at
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return getattr(error, "pos", None) or 0
    return len(pattern) - 1 if not part else max(at, 0)
