"""Words that only source code has: calls, paths, identifiers, imports, install commands.

Every expression here runs in linear time. Words are found first, have at most
`ingest.extraction.segmentation.WORD_CHARACTERS` characters, and are then matched as a whole.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.results import EntityCandidate, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import list_term_lowers
from mcp_context_persistence.kg.text.languages import UNSPACED_CHARACTERS

_FILE_ENDINGS = get_words("file_endings")
_SPECIAL_FILES = get_words("special_files")
_TOP_LEVEL_DOMAINS = get_words("top_level_domains")
_BRANDS = get_words("brands")
_NAME_PREFIX = re.compile(r"(?:Mc|Mac|De|Di|La|Le|Van|Von|O|Fitz|Du|Da)[A-Z][a-z]+")

_WORD = re.compile(rf"[^\s{UNSPACED_CHARACTERS}]+")
_CODE_SIGN = re.compile(r"[a-z0-9][A-Z]|\w_\w|\w\(|\.\w|/\w|`|file$")
_WORD_EDGES = re.compile(r"[`'\"“”‘’(\[{<*]*+(?P<core>.*?)(?P<call>\(\))?[`'\"“”‘’)\]}>.,;:!?*]*")
_CALL = re.compile(r"(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\((?P<rest>.*)")
_PATH = re.compile(
    r"(?:~|\.{1,2})?/?(?:[\w@.+-]+/)*+[\w@.+-]*\.(?P<ending>[A-Za-z0-9]{1,10})(?::\d+)?"
)
_FOLDER = re.compile(
    r"(?:~|\.{1,2})?/[\w@.+-]+(?:/[\w@.+-]+)++/?|(?:\.{1,2}/|~/)[\w@.+-]+/?|(?:[\w@.+-]+/){2,}+"
)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)++")
_CAMEL = re.compile(r"_{0,2}[A-Z]+[a-z0-9]+(?:[A-Z]+[a-z0-9]*)++")
_LOWER_CAMEL = re.compile(r"[a-z]+[a-z0-9]*(?:[A-Z][a-z0-9]+)++")
_SNAKE = re.compile(r"_{0,2}[a-z][a-z0-9]*(?:_[a-z0-9]+)++_{0,2}")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)++")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*+")

_INSTALL = re.compile(
    r"\b(?:pip3?|uv pip|conda|mamba|npm|pnpm|brew|gem|cargo|poetry|uv|yarn|go)"
    r" (?:install|i|add|get) (?:-{1,2}[\w-]+ )*(?P<name>@?[A-Za-z][\w./@-]*)"
)
_REQUIREMENT = re.compile(
    r"(?<![\w./@-])(?P<name>[A-Za-z][\w.-]*\w)(?:\[[\w,-]+\])?(?:[=~><!]=|===)v?\d[\w.*]*"
)
_IMPORT = re.compile(
    r"(?:^|(?<=`)|(?<=[:\n;] ))[ \t]*"
    r"(?:import[ \t]+(?P<module>[a-z_][\w.]*)(?=[ \t]+as\b|[ \t]*[`;,\n.]|[ \t]*$)"
    r"|from[ \t]+(?P<source>[a-zA-Z_][\w.]*)[ \t]+import[ \t]+(?P<item>\w+))",
    re.MULTILINE,
)
_DEFINITION = re.compile(
    r"^[ \t]*(?:async[ \t]+)?(?:export[ \t]+)?"
    r"(?P<kind>class|def|function|func|fn|struct|interface)[ \t]+(?P<name>[A-Za-z_]\w*)",
    re.MULTILINE,
)


class CodeToken(NamedTuple):
    """A word with the shape of source code.

    Attributes:
        start: Its first character.
        end: One past its last character.
        shape: ``function`` (a call), ``file``, ``camel``, ``lower_camel``, ``snake``, ``dotted``,
            or ``identifier`` (only in backticks).
        is_quoted: Whether it is in backticks.
    """

    start: int
    end: int
    shape: str
    is_quoted: bool


def find_code_tokens(text: str) -> Iterator[CodeToken]:
    """Yield the words of a text that have the shape of source code."""
    for match in _WORD.finditer(text):
        word = match.group()
        if not _CODE_SIGN.search(word) or "://" in word or "@" in word.strip("@"):
            continue
        edges = _WORD_EDGES.fullmatch(word)
        if edges is None or not edges["core"]:
            continue
        start = match.start() + edges.start("core")
        core, is_quoted = edges["core"], word.count("`") >= 2
        shape, length = _find_shape(core, is_called=edges["call"] is not None, is_quoted=is_quoted)
        if shape:
            yield CodeToken(start, start + length, shape, is_quoted)


def _find_shape(core: str, *, is_called: bool, is_quoted: bool) -> tuple[str, int]:
    """Return the shape of a word, and how many of its characters have it."""
    if is_called and (_DOTTED.fullmatch(core) or core.isidentifier()):
        return ("camel" if _CAMEL.fullmatch(core) else "function"), len(core)
    call = _CALL.match(core)
    if call is not None:
        return _find_call_shape(call, is_quoted=is_quoted)
    if core in _SPECIAL_FILES:
        return "file", len(core)
    path = _PATH.fullmatch(core)
    if (
        path is not None
        and _is_file_ending(path["ending"])
        and len(core) > len(path["ending"]) + 2
        and not core.startswith(".")
    ):
        file_length = len(core.split(":", maxsplit=1)[0])
        return ("", 0) if _is_technology_name(core) else ("file", file_length)
    if _FOLDER.fullmatch(core):
        return "file", len(core)
    return _find_identifier_shape(core, is_quoted=is_quoted), len(core)


def _find_call_shape(call: re.Match[str], *, is_quoted: bool) -> tuple[str, int]:
    """Return the shape of a word with an opening parenthesis: "run(x)", but not "class(es)"."""
    name = call["name"]
    is_call = (
        is_quoted
        or call["rest"].startswith(")")
        or any(character in name for character in "_.")
        or _LOWER_CAMEL.fullmatch(name)
    )
    if is_call and call["rest"] not in {"s", "es", "ies"}:
        return "function", len(name)
    return "", 0


def _is_file_ending(ending: str) -> bool:
    """Return whether files have this ending; a single letter must be lower case ("D.C")."""
    return ending.lower() in _FILE_ENDINGS and (len(ending) > 1 or ending.islower())


def _is_technology_name(core: str) -> bool:
    """Return whether this is a name such as Node.js or Socket.io rather than a file."""
    if (core.islower() or core.isupper()) and core.lower() in list_term_lowers():
        return True
    return core[0].isupper() and core.lower().endswith((".js", ".ai", ".io")) and "/" not in core


def _find_identifier_shape(core: str, *, is_quoted: bool) -> str:
    if _SNAKE.fullmatch(core) or _CONSTANT.fullmatch(core):
        return "snake"
    if core in _BRANDS or _NAME_PREFIX.fullmatch(core):
        return ""
    if _CAMEL.fullmatch(core):
        return "camel"
    if _LOWER_CAMEL.fullmatch(core):
        return "lower_camel"
    if _DOTTED.fullmatch(core) and core.rsplit(".", 1)[1].lower() not in _TOP_LEVEL_DOMAINS:
        return "dotted"
    return "identifier" if is_quoted and len(core) > 1 and _IDENTIFIER.fullmatch(core) else ""


def find_commands(text: str) -> Iterator[EntityCandidate]:
    """Yield the libraries that the text installs, requires in a version, or imports."""
    if "install" in text or " add " in text or " get " in text:
        for match in _INSTALL.finditer(text):
            start = match.start("name")
            end = start + len(match["name"].rstrip("./@-"))
            yield EntityCandidate(start, end, "library", "command:install", Tier.CODE)
    if "=" in text:
        for match in _REQUIREMENT.finditer(text):
            yield EntityCandidate(*match.span("name"), "library", "command:requirement", Tier.CODE)
    if "import" in text:
        yield from find_imports(text)


def find_imports(text: str) -> Iterator[EntityCandidate]:
    """Yield what import statements name.

    A name of one word is a library, any other name is a module. An imported class counts too.
    """
    for match in _IMPORT.finditer(text):
        group = "module" if match["module"] else "source"
        start, name = match.start(group), match[group].rstrip(".")
        kind = "module" if "." in name or "_" in name else "library"
        yield EntityCandidate(start, start + len(name), kind, "command:import", Tier.CODE)
        if match["item"] and _CAMEL.fullmatch(match["item"]):
            start, end = match.span("item")
            yield EntityCandidate(start, end, "class", "command:import", Tier.CODE)


def find_definitions(code: str) -> Iterator[EntityCandidate]:
    """Yield the classes and functions that a block of source code defines, and its imports."""
    for match in _DEFINITION.finditer(code):
        kind = "class" if match["kind"] in {"class", "struct", "interface"} else "function"
        if not match["name"].startswith("__"):
            start, end = match.span("name")
            yield EntityCandidate(start, end, kind, f"code:{kind}", Tier.CODE)
    yield from find_imports(code)
