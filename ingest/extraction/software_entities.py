"""Software: "the X class", "module X", known names, and words with the shape of source code."""

from dataclasses import dataclass

from mcp_context_persistence.ingest.extraction.code_tokens import (
    CodeToken,
    find_code_tokens,
    find_commands,
)
from mcp_context_persistence.ingest.extraction.relation_verbs import get_verb_relation
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import (
    CUES,
    SIGNS,
    STRONG_SIGNS,
    list_ambiguous_lowers,
    list_ambiguous_names,
    list_library_lowers,
)
from mcp_context_persistence.kg.identifiers import split_name

_TYPES_BY_SHAPE = {
    "camel": "class",
    "lower_camel": "function",
    "snake": "concept",
    "identifier": "concept",
}
# Shapes that need no further sign of software, with the type and the rule.
_UNAMBIGUOUS_SHAPES = {"function": ("function", "code:call"), "file": ("file", "code:path")}
_SIGN_SHAPES = {"function", "snake", "file", "lower_camel"}
_FUNCTION_PREFIXES = frozenset(
    {
        *("get", "set", "is", "has", "to", "from", "on", "init", "do", "parse", "refresh"),
        *("flush", "clear", "reset", "apply"),
    }
)
_PROJECT_SUFFIXES = get_words("project_suffixes")
_CLASS_WORDS = get_words("class_suffixes")
# Products are not named so: "DataProcessor" is a class, whatever the text is about.
_CERTAIN_CLASS_WORDS = frozenset(
    {
        *("Adapter", "Builder", "Controller", "Deserializer", "Exporter", "Factory", "Formatter"),
        *("Handler", "Importer", "Listener", "Middleware", "Parser", "Processor", "Repository"),
        *("Resolver", "Scheduler", "Serializer", "Service", "Validator"),
    }
)
_NEVER_CODE_NAMES = get_words("never_code_names")
_KEYWORDS = get_words("keywords")
_TYPES_WITH_PLAIN_NAMES = {"module", "library", "function", "class", "technology"}
_PLURAL_CUES = {"packages", "libraries", "classes", "methods", "functions", "modules"}
_NAMING_VERBS = {"called", "named"}
_QUOTES = {"`", "``", "'", '"', "(", ")", "''"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _CodeContext:
    """What is known about a text before its cue words are read.

    Attributes:
        tokens_by_start: The words with the shape of source code, by their first character.
        tokens_by_end: The same by the character after them.
        term_ends: Where known software terms end.
        is_about_software: Whether the text is about software.
    """

    tokens_by_start: dict[int, CodeToken]
    tokens_by_end: dict[int, CodeToken]
    term_ends: set[int]
    is_about_software: bool


def find_software(parsed: ParsedText) -> list[EntityCandidate]:
    """Return candidates for classes, functions, modules, libraries, technologies and files.

    They may overlap.
    """
    code_tokens = list(find_code_tokens(parsed.text))
    is_about_software = _is_about_software(parsed, code_tokens)
    context = _CodeContext(
        tokens_by_start={token.start: token for token in code_tokens},
        tokens_by_end={token.end: token for token in code_tokens},
        term_ends={
            parsed.ends[end - 1]
            for first, end, _, is_unambiguous in parsed.term_spans
            if is_unambiguous or (is_about_software and _is_spelled_as_term(parsed, first, end))
        },
        is_about_software=is_about_software,
    )
    candidates = list(find_commands(parsed.text))
    cued_starts: set[int] = set()
    for i, lower in enumerate(parsed.lowers):
        if lower in CUES:
            candidate = _find_cued_name(parsed, i, context)
            if candidate is not None:
                candidates.append(candidate)
                cued_starts.add(candidate.start)
    for token in code_tokens:
        if token.start not in cued_starts:
            candidates += _classify_code_token(
                parsed.text, token, is_about_software=is_about_software or token.is_quoted
            )
    candidates += _find_terms(parsed, is_about_software=is_about_software)
    return candidates


def _is_about_software(parsed: ParsedText, code_tokens: list[CodeToken]) -> bool:
    """Return whether the text has more signs of software than one ambiguous word."""
    if any(token.shape in _SIGN_SHAPES or token.is_quoted for token in code_tokens) or any(
        is_unambiguous for *_, is_unambiguous in parsed.term_spans
    ):
        return True
    words = set(parsed.lowers)
    if words & STRONG_SIGNS:
        return True
    ambiguous_names = {
        parsed.words[first]
        for first, end, _, is_unambiguous in parsed.term_spans
        if not is_unambiguous and _is_spelled_as_term(parsed, first, end)
    }
    return len(words & SIGNS) + len(ambiguous_names) > 1


def _is_spelled_as_term(parsed: ParsedText, first: int, end: int) -> bool:
    """Return whether tokens are spelled as an ambiguous term and belong to no longer name."""
    if parsed.text[parsed.starts[first] : parsed.ends[end - 1]] not in list_ambiguous_names():
        return False
    return not any(
        begin <= first and end <= stop and stop - begin > end - first
        for begin, stop, label in parsed.entity_spans
        if label != "PRODUCT"
    )


def _find_terms(parsed: ParsedText, *, is_about_software: bool) -> list[EntityCandidate]:
    candidates = []
    for first, end, kind, is_unambiguous in parsed.term_spans:
        precedes_sign = end < len(parsed.lowers) and parsed.lowers[end] in SIGNS
        if is_unambiguous or (
            (is_about_software or precedes_sign) and _is_spelled_as_term(parsed, first, end)
        ):
            rule = f"vocabulary:{kind}" if is_unambiguous else f"spelled:{kind}"
            candidates.append(
                EntityCandidate(
                    parsed.starts[first], parsed.ends[end - 1], kind, rule, Tier.SOFTWARE_TERM
                )
            )
    return candidates


def _find_cued_name(parsed: ParsedText, i: int, context: _CodeContext) -> EntityCandidate | None:
    """Return what the cue at token `i` ("class", "module" ...) names, before or after it."""
    kind = CUES[parsed.lowers[i]]
    rule = f"cue:{kind}"
    previous = _skip_quotes(parsed, i - 1, -1)
    if previous >= 0:
        start, end = parsed.starts[previous], parsed.ends[previous]
        token = context.tokens_by_end.get(end)
        if (token is not None and token.shape == "file") or end in context.term_ends:
            return None
        if token is not None:
            return EntityCandidate(token.start, token.end, kind, rule, Tier.CODE)
        if kind in _TYPES_WITH_PLAIN_NAMES and _is_plain_name(
            parsed, previous, i, kind, is_about_software=context.is_about_software
        ):
            return EntityCandidate(start, end, kind, rule, Tier.CODE)
    return _find_name_after_cue(parsed, i, context)


def _find_name_after_cue(
    parsed: ParsedText, i: int, context: _CodeContext
) -> EntityCandidate | None:
    """Return the name after a cue: "module data_loader", "a library called Pillow"."""
    kind = CUES[parsed.lowers[i]]
    rule = f"cue:{kind}"
    has_naming_verb = i + 1 < len(parsed.words) and parsed.lowers[i + 1] in _NAMING_VERBS
    following = _skip_quotes(parsed, i + 2 if has_naming_verb else i + 1, 1)
    if following >= len(parsed.words):
        return None
    start, end = parsed.starts[following], parsed.ends[following]
    token = context.tokens_by_start.get(start)
    if token is not None and token.shape not in {"file", "function"}:
        return EntityCandidate(token.start, token.end, kind, rule, Tier.CODE)
    if (
        has_naming_verb
        and kind in _TYPES_WITH_PLAIN_NAMES
        and context.is_about_software
        and parsed.tags[following] in {"NNP", "NN"}
    ):
        return EntityCandidate(start, end, kind, rule, Tier.CODE)
    return None


def _skip_quotes(parsed: ParsedText, i: int, step: int) -> int:
    while 0 <= i < len(parsed.words) and parsed.words[i] in _QUOTES:
        i += step
    return i


def _is_plain_name(
    parsed: ParsedText, i: int, cue: int, kind: str, *, is_about_software: bool
) -> bool:
    """Return whether an ordinary word before a cue is a name.

    In "the validation module" it is, in "the public library" it is not.
    """
    word, lower, tag = parsed.words[i], parsed.lowers[i], parsed.tags[i]
    if (
        lower in _NEVER_CODE_NAMES
        or len(word) < 3
        or not word.isidentifier()
        or (tag not in {"NN", "NNP", "NNS", "NNPS", "VB"} and parsed.deps[i] != "compound")
    ):
        return False
    if kind == "library" and lower in list_ambiguous_lowers():
        return True
    if parsed.heads[i] != cue or parsed.lowers[cue] in _PLURAL_CUES:
        return False
    determiner = parsed.lowers[i - 1] if i else ""
    if kind in {"class", "technology"}:
        return (
            is_about_software
            and word[0].isupper()
            and determiner in {"the", "a", "our", "this", "new"}
        )
    if kind == "function":
        return is_about_software and determiner == "the"
    return kind == "module" or is_about_software


def _classify_code_token(
    text: str, token: CodeToken, *, is_about_software: bool
) -> list[EntityCandidate]:
    """Return a candidate for a word with the shape of source code and without a cue."""
    start, end, shape, _ = token
    word = text[start:end]
    if shape in _UNAMBIGUOUS_SHAPES:
        kind, rule = _UNAMBIGUOUS_SHAPES[shape]
        return [EntityCandidate(start, end, kind, rule, Tier.CODE)]
    if shape == "dotted":
        kind = _classify_dotted_name(word, is_about_software=is_about_software)
        if not kind and token.is_quoted and word.islower() and word.count(".") > 1:
            kind = "module"
        return [EntityCandidate(start, end, kind, "code:dotted", Tier.CODE)] if kind else []
    is_class = shape == "camel" and _split_camel(word)[-1] in _CERTAIN_CLASS_WORDS
    if not (is_about_software or is_class) or word.lower() in _KEYWORDS:
        return []
    kind = _TYPES_BY_SHAPE[shape]
    if shape == "snake" and (_starts_with_verb(word) or (token.is_quoted and word.islower())):
        kind = "function"
    elif shape == "identifier" and "-" in word.strip("-"):
        kind = "project" if word.rsplit("-", 1)[1] in _PROJECT_SUFFIXES else "library"
    elif shape == "camel" and not token.is_quoted and not _CLASS_WORDS & set(_split_camel(word)):
        kind = "technology"
    tier = Tier.CODE if shape == "snake" else Tier.CODE_SHAPE
    return [EntityCandidate(start, end, kind, f"code:{shape}", tier)]


def _split_camel(word: str) -> list[str]:
    return split_name(word).split()


def _classify_dotted_name(word: str, *, is_about_software: bool) -> str:
    """Return the type of "Service.start", "pandas.DataFrame" or "os.path".

    It is empty for a full stop without the space after it.
    """
    first, last = word.split(".", 1)[0], word.rsplit(".", 1)[1]
    if is_about_software and first[0].isupper() and not last[0].isupper():
        return "function"
    if first.lower() not in list_library_lowers():
        return ""
    return "class" if last[0].isupper() else "module"


def _starts_with_verb(word: str) -> bool:
    """Return whether a name starts as names of functions do: ``load_rows``."""
    first = word.strip("_").split("_", 1)[0].lower()
    return first in _FUNCTION_PREFIXES or get_verb_relation(first) is not None
