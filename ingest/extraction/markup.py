"""Replace markup, addresses and signs in a text, because they are no part of its words.

Every replacement has as many characters as what it replaces, so that positions stay valid.
`DROPPED` stands for a character that is left out, `ITEM` for the mark of a list item or a heading,
and `SEPARATOR` for a sign between two names. `segmentation` removes them, and writes the words of
`WORDS_FOR_SIGNS`. It takes linear time.
"""

import re
from collections.abc import Callable, Iterator

from mcp_context_persistence.ingest.extraction.rule_data import get_words

DROPPED, ITEM, SEPARATOR = "\0", "\1", "\2"
# Signs and abbreviations that people write for words.
WORDS_FOR_SIGNS = {"\3": "at", "\4": "with", "\5": "and"}
_AT, _WITH, _AND = WORDS_FOR_SIGNS

_Replace = Callable[[re.Match[str]], str]

_NOT_PEOPLE = get_words("group_handles")
_NO_NAMES = get_words("generic_nouns") | get_words("words_around_name") | get_words("place_kinds")
_EMOJI = (
    "\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\u2194-\u21ff\u25a0-\u25ff"
    "\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f"
)
_INLINE_TAGS = "a|abbr|b|big|cite|code|em|font|i|kbd|mark|q|s|small|span|strong|sub|sup|tt|u|var"
_BLOCK_TAGS = (
    "address|article|aside|blockquote|body|br|dd|div|dl|dt|figcaption|figure|footer|form|h[1-6]"
    "|head|header|hr|html|img|input|li|link|main|meta|nav|ol|option|p|pre|section|select|table"
    "|tbody|td|tfoot|th|thead|title|tr|ul|button|label|video|audio|source|iframe"
)
_ADDRESS = r"[A-Za-z0-9][\w.+%-]{0,63}@[A-Za-z0-9][\w-]{0,62}(?:\.[\w-]{1,63})+(?<![.-])"
_LINK = r"(?:[a-z][a-z0-9+.-]{1,10}://|www\.|mailto:|data:[\w.+-]+/[\w.+-]+[;,])(?:[^\s<>\"'`|()]|\([^\s<>()]{0,100}\))*(?:[^\s<>\"'`|.,;:!?()\]}*_]|(?<=\)))"
_PATH_WORD = r"[^\\\s\"'<>|:*?,;]+"
# Titles whose full stop ends no sentence.
_TITLES = "|".join(rf"(?<=\b{title})" for title in ("Cllr", "Fr", "Ing", "Dipl", "Mlle", "Mme"))
_ENTITIES = {"amp": "&", "quot": '"', "lt": "<", "gt": ">", "apos": "'", "#39": "'", "nbsp": " "}

HANDLE = re.compile(r"(?<![\w./@+-])@(?P<name>[A-Za-z][\w-]{1,38})(?![\w@/(]|\.\w)")
WINDOWS_PATH = re.compile(
    rf"(?<!\w)(?:[A-Za-z]:\\|\\\\)(?:{_PATH_WORD}(?: {_PATH_WORD}){{0,4}}\\)*+"
    rf"(?:{_PATH_WORD}(?: [^\\\s\"'<>|:*?,;.]+){{1,4}}\.\w{{1,5}}(?!\w)|{_PATH_WORD})?"
)
# What exports of chats write before the name of a speaker: "[12:03]", "25/11/2026, 12:03 - ".
_SPEAKING_TIME = re.compile(
    r"(?<![^\n])\[?(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4},?[ T])?\d{1,2}:\d\d(?::\d\d)?"
    r"(?: ?[AaPp][Mm])?(?:\] (?=[^\W\d_][^\n:]{1,40}: )|\]?(?: -)? (?=[^\W\d_a-z][^\n:]{1,40}: ))"
)
# The nickname in 'Robert "Bob" Miller', and one in parentheses that is part of the first name.
_NICKNAME = re.compile(
    r"(?<![\w.])(?P<first>[A-Z][a-zà-ÿ]+) (?:(?P<quote>[\"'“‘«])[A-Z][\w-]{1,14}[\"'”’»]"
    r"|\((?P<short>[A-Z][a-zà-ÿ]{1,14})\)) (?=[A-Z][a-zà-ÿ])"
)
_FILE_NAME = re.compile(r"\w\.[A-Za-z0-9]{1,5}$")
_SHARED = "lunch|dinner|breakfast|brunch|coffee|drinks?|beers?|tea|picnic|party|walk|weekend|date"
# "Lunch w/ Priya & Tom" is with two people; "a call with Marks & Spencer" is with a firm.
_COMPANIONS = re.compile(
    rf"\b(?i:{_SHARED}) (?:with|{_WITH * 2}) [^\W\d_a-z][^\W\d_]+ &(?= [^\W\d_a-z][^\W\d_]+\b)"
)
# "Ada Lind n Tom Berg": two full names with the "and" of chats between them.
_CHAT_AND = re.compile(
    r"(?<![\w.])[A-Z][^\W\d_]+ [A-Z][^\W\d_]+ ['’]?n['’]?(?= [A-Z][^\W\d_]+ [A-Z][^\W\d_])"
)
# "* Ada Lind — Turku": a list item or a heading of a full name, and of one to three other words.
_NAME_IN_ITEM = re.compile(
    rf"{ITEM}[ {DROPPED}]*[A-Z][^\W\d_]+(?: [A-Z][^\W\d_]+){{1,2}}[{DROPPED}]* [—–-]"
    rf"(?= [{DROPPED}]*[A-Z][^\W\d_]+(?: [A-Z][^\W\d_]+){{0,2}}[{DROPPED}]*(?:\n|$))"
)
# A text without any of these has nothing to replace.
_SIGN = re.compile(
    r"[*_~<>\[\]&@#\\|•‣◦▪●■→⇒\u00ad\u200b-\u202e\u2060-\u2064\ufeff\u2300-\u2bff\U0001f000-\U000e007f]|\w[;/]\w|\bw/"
    r"|(?:^|\n)[^\n:]{0,14}\d:\d\d|://|www\."
    r"|(?:^|\n)[ \t]*(?:[-–—+]|\w{1,3}[.)])[ \t]|\w \d{1,2}\) "
    r"|[a-zà-ÿ] [\"'“‘«(][A-Z][\w-]{1,14}[\"'”’»)] [A-Z]|[a-zà-ÿ] ['’]?n['’]? [A-Z]"
)


def _drop(match: re.Match[str]) -> str:
    return DROPPED * len(match.group())


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _break_paragraph(match: re.Match[str]) -> str:
    return "\n" * len(match.group())


def _begin_item(match: re.Match[str]) -> str:
    return ITEM + " " * (len(match.group()) - 1)


def _separate(match: re.Match[str]) -> str:
    return SEPARATOR * len(match.group())


def _separate_item(match: re.Match[str]) -> str:
    """Separate the items of "1) Oslo 2) Turku", but not what follows "(see step 2)"."""
    before = match.string[: match.start()]
    is_parenthesis = before.rfind("(") > before.rfind(")")
    return match.group() if is_parenthesis else _separate(match)


def _write_at(match: re.Match[str]) -> str:
    return _AT * len(match.group())


def _write_with(match: re.Match[str]) -> str:
    return _WITH * len(match.group())


def _write_and(match: re.Match[str]) -> str:
    return match.group()[:-1] + _AND


def _join_names(match: re.Match[str]) -> str:
    names = match.group().rstrip("'’n")
    return names + _AND * (len(match.group()) - len(names))


def _separate_name(match: re.Match[str]) -> str:
    return match.group()[:-1] + SEPARATOR


def _separate_names(match: re.Match[str]) -> str:
    return match["name"] + SEPARATOR


def _drop_link(match: re.Match[str]) -> str:
    before = match.start("text") - match.start()
    after = match.end() - match.end("text")
    return DROPPED * before + match["text"] + DROPPED * after


def _decode_entity(match: re.Match[str]) -> str:
    return _ENTITIES[match[1]] + DROPPED * (len(match.group()) - 1)


def _drop_nickname(match: re.Match[str]) -> str:
    name = f"{match['first']} "
    first = match["first"].lower()
    is_nickname = match["short"][1:].lower() in first if match["short"] else first not in _NO_NAMES
    return name + DROPPED * (len(match.group()) - len(name)) if is_nickname else match.group()


_STEPS: tuple[tuple[re.Pattern[str], _Replace], ...] = (
    (re.compile(r"<!--[^<>]{0,500}-->"), _drop),
    (re.compile(rf"</?(?:{_BLOCK_TAGS})\b[^<>]{{0,300}}>", re.IGNORECASE), _break_paragraph),
    (re.compile(rf"</?(?:{_INLINE_TAGS})\b[^<>]{{0,300}}>", re.IGNORECASE), _drop),
    (
        re.compile(r"</[A-Za-z][\w:.-]{0,40}>|(?<!\w)<[A-Za-z][\w:.-]{0,40}(?:\s[^<>]{0,300})?/?>"),
        _break_paragraph,
    ),
    (
        re.compile(
            r"!?\[(?P<text>[^\[\]\n]{1,200})\]\([^\s()]{0,500}(?:\([^\s()]{0,100}\)[^\s()]{0,100})?"
            r"(?:\s\"[^\"\n]{0,100}\")?\)"
        ),
        _drop_link,
    ),
    (re.compile(r"\[\[(?P<text>[^\[\]\n|]{1,200})(?:\|[^\[\]\n]{0,200})?\]\]"), _drop_link),
    (re.compile(rf"[<(]?{_LINK}[>)]?"), _drop),
    (re.compile(rf"[<(\[]?{_ADDRESS}[>)\]]?"), _drop),
    (WINDOWS_PATH, _drop),
    (HANDLE, _drop),
    (re.compile(r"(?<![\w&/#])#[A-Za-z]\w+"), _drop),
    (
        re.compile(
            r"(?<![^\n])[ \t]*(?:>[ \t]?)*"
            rf"(?:(?:[-*+•‣◦▪●■–—→]|[{_EMOJI}]+|\(?\d{{1,3}}[.)]|[a-z][.)]|\#{{1,6}})[ \t]+"
            r"(?:\[[ xX]?\][ \t]+)?|(?<=>)[ \t]*|(?<=> ))"
        ),
        _begin_item,
    ),
    (_SPEAKING_TIME, _begin_item),
    (_NICKNAME, _drop_nickname),
    (
        re.compile(
            r"(?<!\w)(?P<mark>__?)(?P<text>(?:[A-Z]|[^\w\s])[^_\n]{0,100}|\w+ [^_\n]{0,100})"
            r"(?P=mark)(?!\w)"
        ),
        _drop_link,
    ),
    (re.compile(r"(?<=\S)~~(?=\s)"), _separate),
    (re.compile(r"(?<!\w)\*{1,3}(?=\S)|(?<=\S)\*{1,3}(?!\w)|~~"), _drop),
    (re.compile(rf"(?<=\w )[{_EMOJI}]+(?= [A-Z])"), _separate),
    (re.compile(rf"[{_EMOJI}]+"), _blank),
    (re.compile(rf"(?:{_TITLES})\.(?= [A-Z])"), _drop),
    (re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]+"), _drop),
    (re.compile(rf"&({'|'.join(_ENTITIES)});"), _decode_entity),
    (re.compile(r"(?<=\w )[1-9]?\d\)(?= [A-Z])"), _separate_item),
    (re.compile(r"(?<=\s)@(?=\s[^\W\d_a-z])"), _write_at),
    (re.compile(r"(?<![\w/])w/(?=\s?[^\W\d_])(?!o\b)"), _write_with),
    (_COMPANIONS, _write_and),
    (_CHAT_AND, _join_names),
    (_NAME_IN_ITEM, _separate_name),
    (re.compile(r"(?<=\w)[;|](?=\w)|(?<=\s)\|(?=\s)|[•‣◦▪●■]"), _separate),
    (
        re.compile(
            r"(?<![\w/.\\-])(?P<name>[A-Z][^\W\d_]+(?: [A-Z][^\W\d_]+)?)/"
            r"(?=[A-Z][^\W\d_A-Z][^\W\d_]*(?![\w/.\\-]))"
        ),
        _separate_names,
    ),
)


_SIGNS_FOR_WORDS = re.compile(f"[{ITEM}{SEPARATOR}{_AT}{_WITH}{_AND}]")


def replace_markup(text: str) -> str:
    """Return a text of the same length without markup, addresses and signs."""
    if _SIGN.search(text) is None:
        return text
    for pattern, replace in _STEPS:
        text = pattern.sub(replace, text)
    return text


def remove_markup(text: str) -> str:
    """Return a text without its markup, addresses and signs."""
    replaced = replace_markup(text).replace(DROPPED, "")
    return _SIGNS_FOR_WORDS.sub(" ", replaced)


def find_handles(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of handles that are the name of a person: "@ines"."""
    for match in HANDLE.finditer(text):
        name = match["name"]
        if name.isalpha() and name[1:].islower() and name.lower() not in _NOT_PEOPLE:
            yield match.span("name")


def find_windows_paths(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of paths of Windows that lead to a file."""
    if "\\" in text:
        for match in WINDOWS_PATH.finditer(text):
            if _FILE_NAME.search(match.group()):
                yield match.span()
