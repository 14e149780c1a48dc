"""How people talk about software: "the X class", "module X", known names, and words with the shape of source text."""

from mcp_context_persistence.ingest.extraction.code_tokens import (
    CODE,
    SHAPED,
    SOFTWARE,
    commands,
    forms,
)
from mcp_context_persistence.ingest.extraction.lexicons import words
from mcp_context_persistence.ingest.extraction.relation_verbs import verb_type
from mcp_context_persistence.ingest.extraction.results import Found, Parsed
from mcp_context_persistence.ingest.extraction.software_terms import (
    CUES,
    SIGNS,
    STRONG_SIGNS,
    library_names,
    spelled,
    spelled_lowers,
)

_SHAPE_TYPES = {
    "camel": "class",
    "lower_camel": "function",
    "snake": "concept",
    "identifier": "concept",
}
_SURE_SHAPES = {"function": ("function", "code:call"), "file": ("file", "code:path")}
_FUNCTION_STARTS = frozenset(
    {
        "get",
        "set",
        "is",
        "has",
        "to",
        "from",
        "on",
        "init",
        "do",
        "parse",
        "refresh",
        "flush",
        "clear",
        "reset",
        "apply",
    }
)
_SIGN_SHAPES = {"function", "snake", "file", "lower_camel"}
_NOT_NAMES = words("never the name of a class or module")
_KEYWORDS = words("keywords")
_PLAIN = {"module", "library", "function", "class", "technology"}
_LEARNT = {"called", "named"}


def software(parsed: Parsed) -> list[Found]:
    """Classes, functions, modules, libraries, technologies and files of a text, as candidates that may overlap."""
    shapes = list(forms(parsed.text))
    talk = _about_software(parsed, shapes)
    found = list(commands(parsed.text))
    by_start = {start: (start, end, shape) for start, end, shape, _ in shapes}
    by_end = {end: (start, end, shape) for start, end, shape, _ in shapes}
    known_ends = {
        parsed.ends[last - 1]
        for first, last, _, sure in parsed.known
        if sure or (talk and _spelled(parsed, first, last))
    }
    taken: set[int] = set()
    for i, lower in enumerate(parsed.lowers):
        if lower in CUES:
            named = _cued(parsed, i, by_start, by_end, known_ends, talk=talk)
            if named is not None:
                found.append(named)
                taken.add(named.start)
    for start, end, shape, quoted in shapes:
        if start not in taken:
            found += _bare(parsed.text[start:end], start, end, shape, talk=talk or quoted)
    found += _vocabulary(parsed, talk=talk)
    return found


def _about_software(parsed: Parsed, shapes: list[tuple[int, int, str, bool]]) -> bool:
    """Whether the text shows, beyond one ambiguous word, that it is about software."""
    if any(shape in _SIGN_SHAPES or quoted for _, _, shape, quoted in shapes) or any(
        sure for *_, sure in parsed.known
    ):
        return True
    words = set(parsed.lowers)
    if words & STRONG_SIGNS:
        return True
    names = {
        parsed.words[first]
        for first, last, _, sure in parsed.known
        if not sure and _spelled(parsed, first, last)
    }
    return len(words & SIGNS) + len(names) > 1


def _spelled(parsed: Parsed, first: int, last: int) -> bool:
    if parsed.text[parsed.starts[first] : parsed.ends[last - 1]] not in spelled():
        return False
    return not any(
        begin <= first and last <= end and end - begin > last - first
        for begin, end, label in parsed.named
        if label != "PRODUCT"
    )


def _vocabulary(parsed: Parsed, *, talk: bool) -> list[Found]:
    found = []
    for first, last, kind, sure in parsed.known:
        beside_cue = last < len(parsed.lowers) and parsed.lowers[last] in SIGNS
        if sure or ((talk or beside_cue) and _spelled(parsed, first, last)):
            rule = f"vocabulary:{kind}" if sure else f"spelled:{kind}"
            found.append(Found(parsed.starts[first], parsed.ends[last - 1], kind, rule, SOFTWARE))
    return found


def _cued(
    parsed: Parsed,
    i: int,
    by_start: dict[int, tuple[int, int, str]],
    by_end: dict[int, tuple[int, int, str]],
    known_ends: set[int],
    *,
    talk: bool,
) -> Found | None:
    """What the cue word at token `i` ("class", "module" ...) names, before it or after it."""
    kind = CUES[parsed.lowers[i]]
    rule = f"cue:{kind}"
    before = _skip_quote(parsed, i - 1, -1)
    if before >= 0:
        shaped = by_end.get(parsed.ends[before])
        if (shaped is not None and shaped[2] == "file") or parsed.ends[before] in known_ends:
            return None
        if shaped is not None:
            return Found(shaped[0], shaped[1], kind, rule, CODE)
        if kind in _PLAIN and _plain_name(parsed, before, i, kind, talk=talk):
            return Found(parsed.starts[before], parsed.ends[before], kind, rule, CODE)
    return _named_after(parsed, i, by_start, talk=talk)


def _named_after(
    parsed: Parsed, i: int, by_start: dict[int, tuple[int, int, str]], *, talk: bool
) -> Found | None:
    """What follows the cue: "module data_loader", "a library called Pillow"."""
    kind = CUES[parsed.lowers[i]]
    rule = f"cue:{kind}"
    learnt = i + 1 < len(parsed.words) and parsed.lowers[i + 1] in _LEARNT
    after = _skip_quote(parsed, i + 2 if learnt else i + 1, 1)
    if after >= len(parsed.words):
        return None
    shaped = by_start.get(parsed.starts[after])
    if shaped is not None and shaped[2] not in {"file", "function"}:
        return Found(shaped[0], shaped[1], kind, rule, CODE)
    if learnt and kind in _PLAIN and talk and parsed.tags[after] in {"NNP", "NN"}:
        return Found(parsed.starts[after], parsed.ends[after], kind, rule, CODE)
    return None


def _skip_quote(parsed: Parsed, i: int, step: int) -> int:
    while 0 <= i < len(parsed.words) and parsed.words[i] in {"`", "``", "'", '"', "(", ")", "''"}:
        i += step
    return i


def _plain_name(parsed: Parsed, i: int, cue: int, kind: str, *, talk: bool) -> bool:
    """Whether an ordinary word before a cue is a name: "the validation module", but not "the public library"."""
    word, lower, tag = parsed.words[i], parsed.lowers[i], parsed.tags[i]
    if (
        lower in _NOT_NAMES
        or len(word) < 3
        or not word.isidentifier()
        or (tag not in {"NN", "NNP", "NNS", "NNPS", "VB"} and parsed.deps[i] != "compound")
    ):
        return False
    if kind == "library" and lower in spelled_lowers():
        return True
    if parsed.heads[i] != cue or parsed.lowers[cue] in {
        "packages",
        "libraries",
        "classes",
        "methods",
        "functions",
        "modules",
    }:
        return False
    preceded = parsed.lowers[i - 1] if i else ""
    if kind in {"class", "technology"}:
        return talk and word[0].isupper() and (preceded in {"the", "a", "our", "this", "new"})
    if kind == "function":
        return talk and preceded == "the"
    return kind == "module" or talk


def _bare(word: str, start: int, end: int, shape: str, *, talk: bool) -> list[Found]:
    """A word with the shape of source text and no cue beside it."""
    if shape in _SURE_SHAPES:
        kind, rule = _SURE_SHAPES[shape]
        return [Found(start, end, kind, rule, CODE)]
    if shape == "dotted":
        kind = _dotted(word, talk=talk)
        return [Found(start, end, kind, "code:dotted", CODE)] if kind else []
    if not talk or word.lower() in _KEYWORDS:
        return []
    kind = "function" if shape == "snake" and _starts_with_verb(word) else _SHAPE_TYPES[shape]
    return [Found(start, end, kind, f"code:{shape}", CODE if shape == "snake" else SHAPED)]


def _dotted(word: str, *, talk: bool) -> str:
    """What "Service.start", "pandas.DataFrame" or "os.path" is; nothing for a full stop without its space."""
    first, last = word.split(".", 1)[0], word.rsplit(".", 1)[1]
    if talk and first[0].isupper() and not last[0].isupper():
        return "function"
    if first.lower() not in library_names():
        return ""
    return "class" if last[0].isupper() else "module"


def _starts_with_verb(word: str) -> bool:
    """Whether a name such as ``load_rows`` starts as functions do."""
    first = word.strip("_").split("_", 1)[0].lower()
    return first in _FUNCTION_STARTS or verb_type(first) is not None
