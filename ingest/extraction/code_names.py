"""Names in source code, logs and stack traces: definitions, imports, classes, files, libraries."""

import re
from collections.abc import Callable, Iterator

from mcp_context_persistence.ingest.extraction.code_tokens import find_commands, find_definitions
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words

_LINE_CHARACTERS = 500  # A longer line is minified; its names mean nothing.
_BRANDS = get_words("brands")
_FILE_ENDINGS = "|".join(sorted(get_words("file_endings"), key=len, reverse=True))

_LONG_LINE = re.compile(rf"[^\n]{{{_LINE_CHARACTERS},}}")
_PATH = re.compile(
    rf"(?<![\w:/\\.@-])(?:webpack[\w-]*:/+)?"
    rf"(?P<path>(?:[A-Za-z]:\\|~/|\.{{0,2}}/)?(?:[\w@.+-]++[/\\])*+[\w@+-]+(?:\.[\w@+-]+)*"
    rf"\.(?:{_FILE_ENDINGS}))(?![\w/\\-]|\.\w)"
)
# Of differences of files ("a/src/x.py"), and of paths that begin where the program runs.
_PATH_PREFIX = re.compile(r"(?:[ab]/(?=\w+/)|\./)?")
_CLASS = re.compile(r"(?<![\w$])[A-Z][a-z0-9]+[A-Z][A-Za-z0-9]*(?![\w$])")
_INSTALLED = re.compile(
    r"(?:site-packages|dist-packages|node_modules)/(?P<name>@[\w.-]+/[\w.-]+|[\w-]+(?:\.js)?)(?=[/.])"
)
_ERROR = re.compile(
    r"^(?:[\w$]+\.)*+(?P<name>[A-Z]\w*(?:Error|Exception|Warning|DoesNotExist))(?=: |$|\s*\n)"
    r"|\b(?P<other>[A-Z][a-z]\w*(?:Error|Exception))\b",
    re.MULTILINE,
)
_GO_IMPORT = re.compile(
    r"^[ \t]*(?:import )?(?:\w+ )?\"(?:[\w.-]+\.[a-z]+/)[\w./-]*?(?P<name>[\w.-]+?)(?:/v\d+)?\"$",
    re.MULTILINE,
)
_JS_IMPORT = re.compile(
    r"(?:\bfrom[ ]|\brequire\(|^[ \t]*import[ ])[\"'](?P<name>@[\w.-]+/[\w.-]+|[a-z][\w.-]*)[\"'/]",
    re.MULTILINE,
)
_RUST_IMPORT = re.compile(r"^[ \t]*(?:pub )?use (?P<name>[a-z]\w+)::", re.MULTILINE)
_JAVA_IMPORT = re.compile(r"\bimport (?:static )?(?:[a-z]\w*\.)+(?P<name>[A-Z]\w+);")
_NOT_LIBRARIES = frozenset({"crate", "self", "super", "std", "core", "alloc"})
# The frames of stack traces in several languages.
_FRAMES = [
    re.compile(r"^\s*File \"[^\"\n]+\", line \d+, in (?P<function>\w+)$", re.MULTILINE),
    re.compile(
        r"^\s*at (?:async |new )?(?:[\w$]+\.)*?(?:(?P<class>[A-Z][\w$]*)\.)?"
        r"(?P<function>[A-Za-z_$][\w$]*)(?:<[^>\n]*>)? ?\(",
        re.MULTILINE,
    ),
    re.compile(
        r"^\s*\d+: +(?:[a-z_]\w*::)*?(?:(?P<class>[A-Z]\w*)(?:<[^>\n]*>)?::)?"
        r"(?P<function>[a-z_]\w*)$",
        re.MULTILINE,
    ),
    re.compile(r"^[\w./-]+\.(?:\(\*?(?P<class>\w+)\)\.)?(?P<function>\w+)\(", re.MULTILINE),
]


def find_names_in_code(code: str) -> Iterator[EntityCandidate]:
    """Yield the names in source code, commands and differences of files."""
    code = _drop_long_lines(code)
    yield from find_definitions(code)
    yield from find_commands(code)
    for pattern in (_GO_IMPORT, _JS_IMPORT, _RUST_IMPORT):
        yield from _find(pattern, code, "library", "command:import", _is_library)
    yield from _find(_JAVA_IMPORT, code, "class", "command:import")
    yield from _find_paths(code)
    yield from _find(_CLASS, code, "class", "code:camel", _is_class)


def find_names_in_log(log: str) -> Iterator[EntityCandidate]:
    """Yield the classes, functions, files and libraries of a log or a stack trace."""
    log = _drop_long_lines(log)
    yield from find_files_and_errors(log)
    for pattern in _FRAMES:
        for match in pattern.finditer(log):
            yield EntityCandidate(*match.span("function"), "function", "trace:frame", Tier.CODE)
            if match.groupdict().get("class"):
                yield EntityCandidate(*match.span("class"), "class", "trace:frame", Tier.CODE)
    yield from _find(_INSTALLED, log, "library", "trace:library")
    yield from _find(_CLASS, log, "class", "code:camel", _is_class)


def find_files_and_errors(data: str) -> Iterator[EntityCandidate]:
    """Yield the files and the classes of errors that any data names."""
    data = _drop_long_lines(data)
    yield from _find_paths(data)
    for match in _ERROR.finditer(data):
        group = "name" if match["name"] else "other"
        yield EntityCandidate(*match.span(group), "class", "trace:error", Tier.CODE)


def _drop_long_lines(code: str) -> str:
    return _LONG_LINE.sub(lambda match: " " * len(match.group()), code)


def _find(
    pattern: re.Pattern[str],
    code: str,
    kind: str,
    rule: str,
    is_name: Callable[[str], bool] = bool,
) -> Iterator[EntityCandidate]:
    group = "name" if "name" in pattern.groupindex else 0
    for match in pattern.finditer(code):
        if is_name(match[group]):
            yield EntityCandidate(*match.span(group), kind, rule, Tier.CODE_SHAPE)


def _find_paths(code: str) -> Iterator[EntityCandidate]:
    for match in _PATH.finditer(code):
        start, end = match.span("path")
        prefix = _PATH_PREFIX.match(match["path"])
        start += len(prefix[0]) if prefix else 0
        if "/" in match["path"] or "\\" in match["path"] or match["path"].count(".") == 1:
            yield EntityCandidate(start, end, "file", "code:path", Tier.CODE)


def _is_library(name: str) -> bool:
    return name not in _NOT_LIBRARIES


def _is_class(name: str) -> bool:
    return name not in _BRANDS
