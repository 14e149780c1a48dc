"""The terms by which the fulltext index finds a text.

One function makes the terms of a stored text and those of a query, so everything that is visible in
a text finds it. Terms consist of letters, digits, marks and `_`, or are one symbol: no query
syntax of Lucene can be in them.

- A word becomes its stem.
- An identifier, an address, a path, a version or a number becomes its parts, and the whole.
- A number in groups, such as "+380 67 555 12 34", becomes the groups, and the whole.
- Characters of scripts without spaces between words become pairs, and single characters.
- A name that is also a function word ("Will", "May", "IT") has a second term.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mcp_context_persistence.kg.text.languages import ENGLISH, detect_language
from mcp_context_persistence.kg.text.normalization import (
    APOSTROPHE,
    NON_JOINER,
    fold,
    normalize,
)
from mcp_context_persistence.kg.text.stemming import stem_word
from mcp_context_persistence.kg.text.stop_words import read_name_like_words

LONGEST_CACHED_RUN = 40  # characters
LONGEST_TERM = 100  # characters; the rest of a longer one is not looked at
MAX_PARTS = 12  # of an identifier that is a term as a whole
NAME_MARK = "_"  # at the end of the second term of a capitalized function word
_CONNECTOR = r".\-_@:/\\'&=~#+,\u200c"
_RUN = re.compile(rf"[^\s{_CONNECTOR}]+(?:[{_CONNECTOR}]{{1,3}}[^\s{_CONNECTOR}]+)*")
_CONNECTORS = re.compile(rf"[{_CONNECTOR}]+")
_SEGMENT_BREAK = re.compile(r"[@:/\\=&,~#+]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# A number that hyphens divide is a term without them, too: an ISBN, a phone, a code.
_CODE = re.compile(r"[0-9]{4,20}")
# A number that spaces divide likewise: digits of a group at most, and of all groups.
_LONGEST_GROUP, _SHORTEST_NUMBER, _LONGEST_NUMBER = 4, 7, 16
_CONTRACTIONS = frozenset({"s", "t", "d", "m", "ll", "re", "ve"})
_SUFFIXED = re.compile(r"([A-Za-z][A-Za-z0-9]*)(\+{1,2}|#)(?!\w)")
_SUFFIXES = {"+": "plus", "#": "sharp"}
# Runs of capitals, of lower-case letters, and of digits.
_PIECE = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# Chinese characters, kana, Thai, Lao, Burmese, Khmer and Hangul.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    r"\uac00-\ud7af\U00020000-\U0003ffff々〆]+"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A visible part of a text.

    Attributes:
        text: As it is written, in the normal form.
        is_word: Whether it has a stem.
        role: Whether it is the `whole` of several parts, such a `part` (or a word by itself), or a
            `piece` of a part: "user" of "getUserById".
    """

    text: str
    is_word: bool = False
    role: Literal["whole", "part", "piece"] = "part"

    @property
    def is_identifier(self) -> bool:
        """Whether the token names one thing: a number, a version, an identifier, an address."""
        return (
            not self.is_word and self.role != "piece" and self.text.isascii() and len(self.text) > 1
        )


def list_index_terms(text: str, language: str | None = None) -> list[str]:
    """Return the terms of a stored text, in order, repeated as often as they occur.

    Words that are not English are terms as they are written, too: which language a text is in can
    be mistaken, and nothing that is written may be lost by that.

    Args:
        text: The text.
        language: Its language; recognized where it is left out.
    """
    language = language or detect_language(text) or ENGLISH
    terms: list[str] = []
    runs = _list_runs(text)
    numbers = _find_grouped_numbers(runs)
    for index, run in enumerate(runs):
        terms += (
            _list_cached_terms(run, language)
            if len(run) < LONGEST_CACHED_RUN
            else _list_terms(run, language)
        )
        if index in numbers:
            terms.append(numbers[index])
    return terms


def text_properties(text: str, language: str | None = None) -> dict[str, str]:
    """Return the properties of a node that has a text: `content`, and the `terms` of the index."""
    return {"content": text, "terms": " ".join(list_index_terms(text, language))}


def _list_terms(run: str, language: str) -> tuple[str, ...]:
    terms: list[str] = []
    for token in _list_tokens(run):
        folded = fold(token.text)
        terms.append(stem_word(token.text, language) if token.is_word else folded)
        if language != ENGLISH and terms[-1] != folded:
            terms.append(folded)
        if is_name_like(token):
            terms.append(folded + NAME_MARK)
    return tuple(terms)


_list_cached_terms = lru_cache(maxsize=2**16)(_list_terms)


def list_term_variants(token: Token, languages: Sequence[str]) -> tuple[str, ...]:
    """Return the terms by which a token of a query is searched, one for each language."""
    folded = fold(token.text)
    if not token.is_word:
        return (folded,)
    stems = (stem_word(token.text, language) for language in languages)
    return tuple(dict.fromkeys([*stems, folded]))


def is_name_like(token: Token) -> bool:
    """Return whether a token is a function word that is written like a name: "Will", "IT"."""
    return (
        token.is_word
        and len(token.text) > 1
        and token.text[0].isupper()
        and token.text.lower() in read_name_like_words()
    )


def tokenize(text: str) -> Iterator[Token]:
    """Yield the tokens of a text: the words, and identifiers both as a whole and in parts."""
    runs = _list_runs(text)
    numbers = _find_grouped_numbers(runs)
    for index, run in enumerate(runs):
        yield from _list_tokens(run)
        if index in numbers:
            yield Token(numbers[index], role="whole")


def _list_tokens(run: str) -> list[Token]:
    """Return the tokens of a run, without marks that have no letter, such as "¯" and "¨"."""
    return [token for token in _split_run(run) if fold(token.text).strip(NAME_MARK)]


def _list_runs(text: str) -> list[str]:
    """Return the runs of characters without a space or a sign between them that separates words."""
    normalized = normalize(text)
    if "," in normalized:
        normalized = _THOUSANDS.sub("", normalized)
    if "+" in normalized or "#" in normalized:
        normalized = _SUFFIXED.sub(_spell_suffix, normalized)
    return _RUN.findall(normalized)


def _find_grouped_numbers(runs: Sequence[str]) -> dict[int, str]:
    """Return the numbers of which several runs are the groups, by the index of the last group."""
    numbers: dict[int, str] = {}
    groups: list[str] = []
    for index, run in enumerate((*runs, "")):
        digits = run.replace("-", "") if run[-1:].isdecimal() else ""
        if digits.isdecimal() and digits.isascii():
            groups.append(run)
            continue
        if len(groups) > 1:
            parts = "-".join(groups).split("-")
            number = "".join(parts)
            if (
                _SHORTEST_NUMBER <= len(number) <= _LONGEST_NUMBER
                and max(map(len, parts)) <= _LONGEST_GROUP
            ):
                numbers[index - 1] = number
        groups.clear()
    return numbers


def _spell_suffix(match: re.Match[str]) -> str:
    """Return "Cplusplus" for "C++", and "notepad notepadplusplus" for "notepad++"."""
    base, signs = match.groups()
    spelled = base + "".join(_SUFFIXES[sign] for sign in signs)
    return spelled if len(base) == 1 else f"{base} {spelled}"


def _split_run(run: str) -> Iterator[Token]:
    """Yield the tokens of characters that are joined to each other."""
    if NON_JOINER in run:
        for component in (run.replace(NON_JOINER, ""), *run.split(NON_JOINER)):
            yield from _split_run(component) if component else ()
        return
    segments = [segment for segment in _SEGMENT_BREAK.split(run) if segment]
    if len(segments) > 1:
        yield from _join(
            [component for segment in segments for component in _split_segment(segment)]
        )
    for segment in segments:
        yield from _split_compound(segment)


def _split_segment(segment: str) -> list[str]:
    return [component for component in _CONNECTORS.split(segment) if component]


def _split_compound(compound: str) -> Iterator[Token]:
    """Yield the whole of what dots, hyphens, underscores and apostrophes join, and its parts."""
    if APOSTROPHE in compound:
        words = [word for word in compound.split(APOSTROPHE) if word]
        if len(words) > 1 and words[-1].lower() in _CONTRACTIONS and words[0][-1:].lower() != "n":
            words = words[:-1]
        if len(words) > 1:
            joined = "_".join(_split_segment("".join(words)))[:LONGEST_TERM]
            yield Token(joined, is_word=joined.isalpha(), role="whole")
        for word in words:
            if len(words) == 1 or word.lower() not in _CONTRACTIONS:
                yield from _split_compound(word)
        return
    components = _split_segment(compound)
    is_hyphenated = len(components) > 1 and compound.replace("-", "").isalpha()
    yield from _join(components, is_word=is_hyphenated)
    number = compound.replace("-", "")
    if 1 < len(components) <= MAX_PARTS and _CODE.fullmatch(number):
        yield Token(number, role="piece")
    for component in components:
        yield from _split_part(component)


def _join(components: Sequence[str], *, is_word: bool = False) -> Iterator[Token]:
    """Yield the whole of several parts, and of a version its beginnings, also without the "v"."""
    if not 1 < len(components) <= MAX_PARTS:
        return
    yield Token("_".join(components)[:LONGEST_TERM], is_word=is_word, role="whole")
    first = components[0].lower()
    if first[:1] == "v" and first[1:].isdigit():
        components = [first[1:], *components[1:]]
        yield Token("_".join(components)[:LONGEST_TERM], role="whole")
    if all(component.isdigit() for component in components):
        for count in range(2, len(components)):
            yield Token("_".join(components[:count]), role="whole")


def _split_part(component: str) -> Iterator[Token]:
    """Yield a part, and the pieces of one in CamelCase, with digits, or in an unspaced script."""
    component = component[:LONGEST_TERM]
    if component.isascii():
        is_plain = component.isalpha() and (
            component.islower() or component.isupper() or component[1:].islower()
        )
        yield Token(component, is_word=component.isalpha())
        pieces = [] if is_plain or component.isdigit() else split_into_pieces(component)
        if len(pieces) > 1:
            for piece in pieces:
                yield Token(piece, is_word=piece.isalpha(), role="piece")
        return
    if not _UNSPACED.search(component):
        yield Token(component, is_word=True)
        return
    position = 0
    for match in _UNSPACED.finditer(component):
        if match.start() > position:
            yield from _split_part(component[position : match.start()])
        yield from _split_unspaced(match.group())
        position = match.end()
    if position < len(component):
        yield from _split_part(component[position:])


def split_into_pieces(name: str) -> list[str]:
    """Return the pieces of an ASCII name in CamelCase or with digits: "get", "User", "By", "Id"."""
    return _PIECE.findall(name)


def _split_unspaced(characters: str) -> Iterator[Token]:
    """Yield the pairs of characters, and the single characters."""
    for character in characters:
        yield Token(character, role="part" if len(characters) == 1 else "piece")
    for start in range(len(characters) - 1):
        yield Token(characters[start : start + 2])
