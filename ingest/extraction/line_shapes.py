"""The shape of single lines: logs, stack traces, queries, differences, commands, source code."""

import re
from collections.abc import Sequence

from mcp_context_persistence.ingest.extraction.rule_data import get_words

_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE)"
_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_LOG = re.compile(
    rf"""[ \t]*\[?{_LEVEL}\b[\]:|\s]\s*\S
    | [ \t]*\[?\d{{4}}[-/]\d\d[-/]\d\d[T ]{_CLOCK}\]?\W{{1,4}}
      (?:.{{0,40}}?\b{_LEVEL}\b|\[|[\w.$-]+\[\d|[\w./-]+=)
    | [ \t]*\[?{_CLOCK}\]?\W{{1,4}}\[?{_LEVEL}\b
    | [A-Z][a-z]{{2}}[ ]{{1,2}}\d{{1,2}}[ ]{_CLOCK}[ ]\S+[ ][\w./()-]+(?:\[\d+\])?:
    | [IWEF]\d{{4}}[ ]{_CLOCK}
    | (?:npm|pnpm|yarn)[ ](?:ERR!|WARN|error|warn|notice)[ ]
    | \d{{1,3}}(?:\.\d{{1,3}}){{3}}[ ]\S+[ ]\S+[ ]\[
    | (?:[\w.]+=(?:"[^"]*"|\S+)[ ]){{2,}}[\w.]+=
    """,
    re.VERBOSE,
)
_TRACE = re.compile(
    r"""\s*at[ ](?:[\w.$<>/`]+[ ]?[(\[]|\S+:\d+(?::\d+)?\)?\s*$|\.?/)
    | \s*File[ ]"[^"]+",[ ]line[ ]\d+
    | Traceback[ ]\(most[ ]recent
    | \s*\d+:[ ]+[\w<>]+(?:::[\w<>{}]+)+
    | Exception[ ]in[ ]thread|Caused[ ]by:|Unhandled[ ]exception|goroutine[ ]\d+[ ]\[|panic:[ ]
    | (?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception|DoesNotExist)(?::[ ]|$)
    | thread[ ]'[^']*'[ ]panicked
    | \t\S+\.go:\d+
    | \S+\.\w{1,6}:\d+:
    | \s*-->[ ]\S+:\d+:\d+ | \s*(?:\d+[ ])?[ ]*\|[ ](?!.*\|) | (?:error|warning)\[[A-Z]\w*\d\]
    | [\w./*()]+\((?:0x[0-9a-f]+|\.\.\.)[^\n]*\)$
    """,
    re.VERBOSE,
)
_PROMPT = r"\s*(?:[\w@.]+(?:@[\w.]+)?(?: ?[\[(]\w*[\])])?[>#] ?)?"
_CYPHER_STARTS = tuple(rf"{words} \(" for words in sorted(get_words("cypher_starts")))
_QUERIES = (
    r"SELECT\b(?:.*\bFROM\b|.*[,*]\s*$|\s*$)",
    r"INSERT\s+INTO\b",
    r"UPDATE\s+\S+\s+SET\b",
    r"DELETE\s+FROM\b",
    r"(?:CREATE|ALTER|DROP) (?:TABLE|INDEX|VIEW|UNIQUE|OR REPLACE|DATABASE|SCHEMA)\b",
    r"EXPLAIN\b",
    r"WITH \w+ AS \(",
    r"(?:select|explain)\b.*\bfrom\b.*(?:\bwhere\b|\bjoin\b|\bby\b|\blimit\b|;\s*$)",
    r"insert\s+into \S+ ?(?:\(|values)",
    r"update \S+ set \S+ ?=",
    r"delete\s+from \S+ where\b",
    r"create table\b",
    r"(?:BEGIN|END):V?[A-Z]+$",  # of a calendar or a contact
)
_QUERY = re.compile(_PROMPT + "(?:" + "|".join((*_QUERIES, *_CYPHER_STARTS)) + ")")
_QUERY_NEXT = re.compile(
    r"\s*(?:FROM|WHERE|(?:(?:LEFT|RIGHT|INNER|OUTER|FULL|CROSS) )*JOIN|ON|AND|OR|GROUP BY|ORDER BY"
    r"|HAVING|LIMIT|OFFSET|VALUES|SET|UNION|RETURNING|RETURN|WHEN|THEN|ELSE|END|CASE|SELECT|WITH"
    r"|from|where|(?:left |inner )?join|group by|order by)\b|\s*[();]|\s+\S"
)
_DIFF = re.compile(r"diff --git |--- \S+/|\+\+\+ \S+/|@@ -\d+(?:,\d+)? \+\d+")
_DIFF_NEXT = re.compile(r"[-+ \\@]|index [0-9a-f]|(?:new|deleted) file mode |rename |similarity ")
_COMMAND = re.compile(
    r"\s*(?:\$|>>>|PS [A-Z]:\S*>|[\w.-]+@[\w.-]+:\S*[$#]|In \[\d+\]:) \S"
    r"|\s*(?:pip3?|npm|pnpm|yarn|cargo|brew|apt-get|apt|conda|docker|kubectl|git|curl|wget|sudo"
    r"|poetry|uv|go) (?:install|add|get|run|exec|clone|commit|push|pull|-\S+)(?: [\w./@=<>\"'-]+)*$"
)
_CODE = re.compile(
    r"""\s*(?:import[ ][\w.]+(?:[ ]as[ ]\w+)?\s*;?$
    | from[ ][\w.]+[ ]import[ ][\w*(]
    | import[ ](?:type[ ])?(?:[\w*{][^;'"]*[ ]from[ ])?["'(]
    | (?:async[ ])?def[ ]\w+\( | class[ ]\w+(?:\([^)]*\))?:$
    | (?:export[ ])?(?:default[ ])?(?:async[ ])?function\b[^.]*[({]
    | (?:(?:public|private|protected|internal|static|final|abstract|export|default|sealed|pub)[ ])+
      (?:class|interface|enum|struct|record|void|fn|function|const|let|var|async|\w+[ ]\w+\()
    | (?:pub[ ])?(?:fn|func)[ ](?:\([^)]*\)[ ])?\w+[<(]
    | (?:class|struct|interface|enum|trait|impl|type|namespace)[ ]\w[^.]*\{$
    | (?:const|let|var|val)[ ](?:mut[ ])?[\w{\[][^=.]*=
    | package[ ][\w.]+;?$ | using[ ][\w.]+;$ | use[ ]\w+(?:::[\w{}*, ]+)+;$
    | \#(?:include|define|ifdef|ifndef|endif|pragma)\b | @\w[\w.]*\(.*\)$
    | (?:if|for|while|switch|catch)[ ]?\(.*\)[ ]?\{?$
    | (?:for[ ]\w+(?:,[ ]?\w+)*[ ]in|(?:if|elif|while|with)[ ].*(?:[=<>(.\[]|[ ]not|[ ]is)).*:$
    | except(?:[ ][\w.(), ]+(?:as[ ]\w+)?)?:$
    | (?:return|raise|throw|yield|await)\b.*[;)\]}]$
    | (?:[}\])]+[;,]?|\}[ ]?else[ ]?\{?|else:|try:|finally:|end;?)$
    | [\w.$\[\]"'*&]+[ ](?:[-+*/|]?=|:=)[ ].*[;({\[\\]$
    | [\w.$]+[ ]=[ ](?:await[ ])?[\w.$]+[(\[].*[)\]]$
    | [\w.$]+\.[\w$]+\(.*[;)]$ | \w+\([^)]*\);$
    | <\?(?:php|xml)|<!DOCTYPE|<!--)
    """,
    re.VERBOSE,
)
_MORE_CODE = re.compile(r"(?:\t| {2,})\S|\s*(?://|\#|/\*|\*/|--)|.*[;{}()\[\]]$")
_INDENTED, _NEVER = re.compile(r" {4}|\t"), re.compile(r"(?!)")
_SECTION = re.compile(r"\s*(?:- )?[\w./-]+:$|\[[\w. -]+\]$")
_SETTING = re.compile(r"\s*(?:(?:export )?[A-Z][A-Z0-9_]+=\S*|[\w.-]+ ?= ?\S+|- \S+)$")
_KEY = re.compile(r"\s*(?:- )?[a-z_][\w./-]*:(?: \S.*)?$")
# In the order in which they are tried, and what continues a shape in the next line.
_SHAPES = (
    ("log", _LOG),
    ("trace", _TRACE),
    ("diff", _DIFF),
    ("query", _QUERY),
    ("code", _COMMAND),
    ("code", _CODE),
)
_NEXT = {
    "log": _NEVER,
    "trace": _INDENTED,
    "diff": _DIFF_NEXT,
    "query": _QUERY_NEXT,
    "code": _MORE_CODE,
}
# A text without any of these has no lines of these kinds.
_SIGN = re.compile(
    rf"[{{}}|\t`~\\]|</|\S  +\S|-----|\b{_LEVEL}\b|\w=[\w\"']|;$"
    r"|\d:\d\d:\d\d|^(?:diff|---|\+\+\+|@@) |^(?:[^\n,;]+[,;]){2}"
    r"|^[^\n,;]+[,;]\S[^\n,;]*\n[^\n,;]+[,;]\S"
    r"|^\s*(?:import|from|def|class|select|at|\$|>>>|goroutine|thread) "
    r"|\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP) |\b[A-Z]{5,} \("
    r"|Error|Exception|hereby|icense|ICENSE|\(\S{0,80}\)$"
    r"|^\w+ install|^(?:p?npm|yarn) |^BEGIN:|^\s*[\w./-]+:$",
    re.MULTILINE,
)
_MINIFIED_CHARACTERS, _MINIFIED_SIGNS, _MINIFIED_SPACES = 200, 0.1, 0.1
_CODE_SIGNS = re.compile(r"[{}();=:,\[\]<>&|!?+\"'*/\\]")
_SAMPLE_CHARACTERS = 2_000  # of a line are looked at


def has_sign_of_data(text: str) -> bool:
    """Return whether a text may have lines that are no prose."""
    return _SIGN.search(text) is not None


class LineReader:
    """Reads the paragraphs of a text in order, because code may go on after an empty line."""

    def __init__(self) -> None:
        self._previous = ""

    def reset(self) -> None:
        """Forget the previous paragraph."""
        self._previous = ""

    def read(self, lines: Sequence[str]) -> list[str]:
        """Return the shape of each line of a paragraph; it is empty for prose."""
        if _is_configuration(lines):
            return ["opaque"] * len(lines)
        state = self._previous if self._previous == "code" else ""
        shapes = []
        for line in lines:
            state = _read_line(line[:_SAMPLE_CHARACTERS].rstrip(), state)
            shapes.append("log" if state == "trace" else "code" if state == "diff" else state)
        self._previous = state
        return ["opaque" if shape == "query" else shape for shape in shapes]


def _read_line(line: str, previous: str) -> str:
    """Return the shape of a line after a line of the shape `previous`."""
    for shape, pattern in _SHAPES:
        if pattern.match(line) or (shape == previous and _NEXT[shape].match(line)):
            return shape
    return "code" if _is_minified(line) else ""


def _is_minified(line: str) -> bool:
    return (
        len(line) >= _MINIFIED_CHARACTERS
        and len(_CODE_SIGNS.findall(line)) >= _MINIFIED_SIGNS * len(line)
        and line.count(" ") <= _MINIFIED_SPACES * len(line)
    )


def _is_configuration(lines: Sequence[str]) -> bool:
    """Return whether a paragraph has settings, or nested keys as YAML does."""
    settings = sum(_SETTING.match(line) is not None for line in lines)
    sections = sum(_SECTION.match(line) is not None for line in lines)
    keys = sum(_KEY.match(line) is not None for line in lines)
    if len(lines) >= 2 and settings + sections == len(lines) and any("=" in x for x in lines):
        return True
    return len(lines) >= 3 and sections >= 1 and keys + settings == len(lines) and keys >= 2
