r"""Entity types that the user defines by regular expressions.

The engine is RE2. It takes time linear in the text for every expression, so there are no
look-arounds and no back-references, and ``\b``, ``\w`` and ``\d`` match ASCII only.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcp_context_persistence.ingest.extraction.results import EntityCandidate, Tier
from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import LimitError, ValidationError

RULE_PREFIX = "pattern:"
# Texts to find out whether an expression matches the empty string.
_PROBES = ("", "a", "A", "0", " ", "_", "-", ".", "é", "a b", "A.b", "1,2\n3")


class UserPatterns:
    """Validated and compiled patterns.

    Attributes:
        version: Version of the namespace's patterns; 0 while it has none.
        confidence: Confidence of the entities that they find, 0 to 1.
        types: The expressions by type.
    """

    def __init__(
        self, types: Mapping[str, Sequence[str]], *, confidence: float, version: int = 0
    ) -> None:
        self.types = {name: tuple(expressions) for name, expressions in types.items()}
        self.confidence = confidence
        self.version = version
        self._compiled = [
            (name, _compile_pattern(f"patterns.{name}[{index}]", expression))
            for name in types
            for index, expression in enumerate(types[name])
        ]

    def find_candidates(self, text: str) -> Iterator[EntityCandidate]:
        """Yield what the patterns match, as candidates that may overlap.

        A match that is too long for a name is left out.
        """
        for name, compiled in self._compiled:
            for match in compiled.finditer(text):
                start, end = match.span()
                words = text[start:end]
                start += len(words) - len(words.lstrip())
                end -= len(words) - len(words.rstrip())
                if (
                    start < end
                    and len(text[start:end].encode(errors="replace")) <= limits.IDENTIFIER_BYTES
                ):
                    yield EntityCandidate(start, end, name, RULE_PREFIX + name, Tier.USER_PATTERN)

    def to_json(self) -> str:
        """Return the patterns as JSON, for the database."""
        return json.dumps({"confidence": self.confidence, "types": self.types}, ensure_ascii=False)


def load_patterns(version: int, text: str) -> UserPatterns:
    """Return patterns from the JSON of the database."""
    stored = json.loads(text)
    return UserPatterns(stored["types"], confidence=stored["confidence"], version=version)


def validate_patterns(patterns: object, confidence: object) -> UserPatterns:
    """Return the patterns of a caller.

    Raises:
        ValidationError: Something is not valid; the text names the type, the index in its list
            and the position in the expression.
    """
    valid_confidence = validation.check_share("confidence", confidence)
    count, types = 0, {}
    for name, expressions in validation.check_mapping("patterns", patterns).items():
        type_name = validation.check_type_name("patterns: a type", name)
        expression_list = validation.check_list(
            f"patterns.{type_name}",
            expressions,
            limit=limits.ENTITY_PATTERNS,
            items="regular expressions",
        )
        count += len(expression_list)
        if count > limits.ENTITY_PATTERNS:
            raise LimitError(f"patterns has more than {limits.ENTITY_PATTERNS} expressions")
        types[type_name] = [
            validation.check_text(
                f"patterns.{type_name}[{index}]",
                expression,
                characters=limits.PATTERN_CHARACTERS,
            )
            for index, expression in enumerate(expression_list)
        ]
    return UserPatterns(types, confidence=valid_confidence)


def _compile_pattern(field: str, pattern: str) -> Any:
    import re2  # noqa: PLC0415 - only where a namespace has patterns

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason, _, fragment = _get_error_text(error).partition(": ")
        position = _find_error_position(pattern, fragment)
        raise ValidationError(
            f"{field} is not a valid expression at position {position}: {_explain_error(reason)}"
        ) from None
    for probe in _PROBES:
        if any(match.start() == match.end() for match in compiled.finditer(probe)):
            raise ValidationError(
                f"{field} matches the empty string; let it match at least one character"
            )
    return compiled


def _get_error_text(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


def _explain_error(reason: str) -> str:
    """Return a reason without anything from the expression.

    RE2's own reasons are a fixed set. What follows them may be a fragment of the expression.
    """
    if reason == "invalid perl operator":
        return "look-arounds are not supported"
    if reason.startswith("trailing"):
        return "a backslash at the end"
    return reason if re.fullmatch(r"[a-z ()[\]-]{1,60}", reason) else "it cannot be compiled"


def _find_error_position(pattern: str, fragment: str) -> int:
    """Return the position of the mistake in the expression, counted from 0.

    RE2 names the fragment that it rejects, Python's parser names a position.
    """
    position = pattern.find(fragment) if fragment else -1
    if position > 0:
        return position
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return getattr(error, "pos", None) or 0
    return len(pattern) - 1 if not fragment else max(position, 0)
