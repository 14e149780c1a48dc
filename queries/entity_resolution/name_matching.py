"""Name matching: parse names, and decide which forms of a name can mean the same entity.

This module sees two names at a time. What a short form means among several full names is decided by
`queries.entity_resolution.scoring`.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from rapidfuzz.distance import OSA

from mcp_context_persistence.kg.cached_property import cached_property

SETTINGS = Path(__file__).with_name("name_matching.json")

# How two names are similar; `name_matching.json` has scores for each kind.
MatchKind = Literal[
    "exact",
    "weak",
    "shortened",
    "spelling",
    "typo",
    "region",
    "nickname",
    "initial",
    "acronym",
    "part",
    "described",
]

# Types whose names may be shortened by leaving words out.
SHORTENED_TYPES = frozenset({"organization", "event", "project", "group"})
CACHED_NAMES = 65_536
LETTERS_PER_EDIT = 8  # letters of a word for each edit of a possible misspelling
MIN_NUMERONYM = 6  # letters that the number of a numeronym stands for
_ACCENT = re.compile("[\u0300-\u036f]")
_DOTTED = re.compile(r"\b(\w)\.(?=\w\b)")
_NUMERAL = re.compile(r"(?=..)(x{0,3})(ix|iv|v?i{0,3})")
_DESCRIPTION = re.compile(r"(the|this|that|our|their) [a-z]")


@cache
def load_settings() -> dict[str, Any]:
    """Return the scores, thresholds and word lists of `name_matching.json`."""
    return json.loads(SETTINGS.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@cache
def _word_list(key: str) -> frozenset[str]:
    return frozenset(load_settings()[key])


@cache
def _nicknames() -> dict[str, frozenset[str]]:
    """Return, for each given name with short forms and for each short form, its full names."""
    full_names: dict[str, set[str]] = {}
    for group in load_settings()["nicknames"]:
        for name in group:
            full_names.setdefault(name, {name}).add(group[0])
    return {name: frozenset(names) for name, names in full_names.items()}


def normalize_text(text: str) -> str:
    """Return a text in lower case, without accents, and with `&` as a word.

    Marks that make other letters, as in Hindi and Japanese, stay.
    """
    decomposed = unicodedata.normalize("NFKD", text.replace("&", " and ").replace("ß", "ss"))
    unaccented = unicodedata.normalize("NFC", _ACCENT.sub("", decomposed))
    return unaccented.casefold().replace("'", "").replace("’", "")


def _split_words(text: str) -> list[str]:
    """Split a normalized text into words of letters with their marks, digits, `+` and `#`.

    Words without a letter or digit are left out.
    """
    spaced = "".join(
        character
        if character in "+#"
        or character.isalnum()
        or unicodedata.category(character) in {"Mn", "Mc"}
        else " "
        for character in text
    )
    return [word for word in spaced.split() if any(map(str.isalnum, word))]


@dataclass(frozen=True, kw_only=True)
class Name:
    """A parsed name.

    Attributes:
        type: Type of the entity, in lower case.
        words: Its words in lower case, without accents, articles, honorifics and legal suffixes.
        key: All words as one; names with the same key have the same spelling.
        numbers: Its numbers in order, including Roman numerals and generations (Jr).
        region: The text after the comma in the name of a place.
        is_description: Whether it is a description ("the union").
    """

    type: str
    words: tuple[str, ...]
    key: str
    numbers: tuple[str, ...] = ()
    region: str = ""
    is_description: bool = False

    @property
    def is_initials(self) -> bool:
        """Whether it consists of a person's initials."""
        return (
            self.type == "person"
            and len(self.key) in {2, 3}
            and all(len(word) == 1 for word in self.words)
        )

    @property
    def is_weak(self) -> bool:
        """Whether other entities probably have it too.

        This holds for a description, initials, and the given or family name of a person alone.
        """
        is_single_name = self.type == "person" and len(self.words) == 1
        return self.is_description or self.is_initials or is_single_name

    @property
    def has_vague_type(self) -> bool:
        """Whether its type says nothing, so that it is compatible with every type."""
        return self.type in _word_list("vague_types")

    @cached_property
    def identity(self) -> str:
        """A string that two names share if they have the same type, spelling and region."""
        return f"{self.type} {self.key} {self.region}"

    @cached_property
    def size(self) -> tuple[int, int, int, str]:
        """A sort key that puts shorter names first."""
        return len(self.words), len(self.key), len(self.region), self.key

    @cached_property
    def numeronym(self) -> str:
        """Its numeronym, such as `k8s` for Kubernetes; empty for a short name."""
        inner_letters = len(self.key) - 2
        return (
            f"{self.key[0]}{inner_letters}{self.key[-1]}"
            if inner_letters >= MIN_NUMERONYM and self.key.isalpha()
            else ""
        )

    @cached_property
    def initialisms(self) -> frozenset[str]:
        """The first letters of its words, with and without small words; none for a single word."""
        if len(self.words) < 2:
            return frozenset()
        return frozenset(
            (
                "".join(word[0] for word in self.words),
                "".join(word[0] for word in self.words if word not in _word_list("fillers")),
            )
        )


@lru_cache(CACHED_NAMES)
def parse_name(text: str, entity_type: str) -> Name:
    """Parse a name of an entity. A name without letters and digits has no words."""
    kind = entity_type.casefold()
    is_description = _DESCRIPTION.match(text[:1].lower() + text[1:]) is not None
    region = ""
    if kind == "location" and "," in text:
        text, _, region_text = text.partition(",")
        region = "".join(_split_words(normalize_text(region_text)))
    if kind != "person":
        text = _DOTTED.sub(r"\1", text)
    words = _split_words(normalize_text(text))
    while len(words) > 1 and words[0] in _word_list("articles") and kind != "person":
        del words[0]
    if kind == "person":
        words = _remove_titles(words)
    elif kind != "location":
        while len(words) > 1 and words[-1] in _word_list("legal_suffixes"):
            del words[-1]
    numbers = tuple(
        word for index, word in enumerate(words) if _is_number(word, is_first=index == 0)
    )
    return Name(
        type=kind,
        words=tuple(words),
        key="".join(words),
        numbers=numbers,
        region=region,
        is_description=is_description,
    )


def _remove_titles(words: list[str]) -> list[str]:
    """Remove honorifics and degrees from the name of a person."""
    while len(words) > 1 and words[0] in _word_list("honorifics"):
        words = words[1:]
    while len(words) > 1 and words[-1] in _word_list("degrees"):
        words = words[:-1]
    return words


def _is_number(word: str, *, is_first: bool) -> bool:
    return any(character.isdigit() for character in word) or (
        not is_first and (word in _word_list("generations") or _NUMERAL.fullmatch(word) is not None)
    )


def find_conflict(first: Name, second: Name) -> str | None:
    """Return why two names cannot mean the same entity; None if they can."""
    if have_different_types(first, second):
        return "different types"
    if _have_different_numbers(first, second):
        return "different numbers"
    if first.region and second.region and first.region != second.region:
        return "different regions"
    if len(first.words) > 1 and len(second.words) > 1 and match_names(first, second) is None:
        return "different names" if "person" in {first.type, second.type} else "different words"
    return None


def have_different_types(first: Name, second: Name) -> bool:
    """Tell whether the types of two names exclude each other."""
    return first.type != second.type and not (first.has_vague_type or second.has_vague_type)


def _have_different_numbers(first: Name, second: Name) -> bool:
    return bool(first.numbers and second.numbers) and first.numbers != second.numbers


def match_names(first: Name, second: Name) -> MatchKind | None:
    """Return how two names are similar; None if they are not."""
    if not (first.words and second.words) or _have_different_numbers(first, second):
        return None
    if first.key == second.key and first.region == second.region:
        return "weak" if first.is_weak or second.is_weak else "exact"
    # With a vague type it is not known whether a part of the name can be a name.
    kind = first.type if first.type == second.type else ""
    short, full = (first, second) if first.size <= second.size else (second, first)
    if short.is_description or full.is_description:
        return (
            "described"
            if short.is_description and not full.is_description and _is_suffix(short, full)
            else None
        )
    if first.key == second.key:
        return "region" if not (first.region and second.region) else None
    if kind == "person":
        return _match_people(short, full)
    return _match_terms(short, full, kind)


def _is_suffix(short: Name, full: Name) -> bool:
    """Tell whether a name ends in another one, as Harbour Freight Union in "the union"."""
    return len(full.words) > len(short.words) and full.words[-len(short.words) :] == short.words


def _match_people(short: Name, full: Name) -> MatchKind | None:
    """Return how two names of people are similar."""
    if short.is_initials:
        letters = "".join(word[0] for word in full.words)
        return (
            "initial"
            if len(full.words) > 1 and letters in {short.key, short.key[0] + short.key[-1]}
            else None
        )
    if len(short.words) == 1:
        word = short.words[0]
        if len(full.words) > 1 and word in {full.words[0], full.words[-1]}:
            return "part"
        is_nickname = len(full.words) > 1 and is_same_given_name(word, full.words[0])
        return "nickname" if is_nickname else None
    if short.numbers != full.numbers:
        return "typo" if _words_without_numbers(short) == _words_without_numbers(full) else None
    return _match_full_names(short.words, full.words)


def _words_without_numbers(name: Name) -> tuple[str, ...]:
    return tuple(word for word in name.words if word not in name.numbers)


def _match_full_names(short: tuple[str, ...], full: tuple[str, ...]) -> MatchKind | None:
    """Return how two names of people with given and family names are similar."""
    given_names, family_names = (short[0], full[0]), (short[-1], full[-1])
    if family_names[0] != family_names[1]:
        return (
            "typo"
            if given_names[0] == given_names[1]
            and len(short) == len(full)
            and short[1:-1] == full[1:-1]
            and _is_misspelling(*family_names)
            else None
        )
    if not _are_compatible_middle_names(short[1:-1], full[1:-1]):
        return None
    if given_names[0] == given_names[1]:
        return "shortened"
    if 1 in {len(given_names[0]), len(given_names[1])}:
        return "initial" if given_names[0][0] == given_names[1][0] else None
    if is_same_given_name(*given_names):
        return "nickname"
    return "typo" if _is_misspelling(*given_names) else None


def _are_compatible_middle_names(short: tuple[str, ...], full: tuple[str, ...]) -> bool:
    """Tell whether one person can have both middle names; an initial stands for a name.

    The longer one may have more names at its end.
    """
    return all(
        first == second or (1 in {len(first), len(second)} and first[0] == second[0])
        for first, second in zip(short, full, strict=False)
    )


def full_given_names(given_name: str) -> frozenset[str]:
    """Return the full names that a given name may stand for, itself included."""
    return _nicknames().get(given_name, frozenset({given_name}))


def is_same_given_name(first: str, second: str) -> bool:
    """Tell whether two given names may be forms of the same name."""
    return not full_given_names(first).isdisjoint(full_given_names(second))


def _match_terms(short: Name, full: Name, kind: str) -> MatchKind | None:
    """Return how two names of things other than people are similar."""
    if _is_acronym(short, full) or (full.numeronym and short.key == full.numeronym):
        return "acronym"
    if short.numbers == full.numbers and (spelling := _match_spelling(short.words, full.words)):
        return spelling
    may_be_shortened = kind in SHORTENED_TYPES
    if len(short.words) < len(full.words) and short.words == full.words[: len(short.words)]:
        has_same_number = bool(short.numbers) and short.numbers == full.numbers
        is_short_name = (
            may_be_shortened
            and len(short.key) > 3
            and short.words[0] not in _word_list("fillers")
            and not full.numbers
        )
        return "part" if has_same_number or is_short_name else None
    if may_be_shortened and len(short.words) > 1 and _is_suffix(short, full):
        return "part"
    return None


def _is_acronym(short: Name, full: Name) -> bool:
    """Tell whether a name consists of the first letters of the other, small words apart."""
    if short.key not in full.initialisms or not 2 <= len(short.key) <= 8:
        return False
    return any(len(word) > 1 for word in short.words) == (len(short.words) == 1)


def _match_spelling(first: tuple[str, ...], second: tuple[str, ...]) -> MatchKind | None:
    """Compare names with the same number of words that differ in the spelling of one word.

    A single word, or a short one, may also be another word; then the kind is `typo`.
    """
    if len(first) != len(second):
        return None
    differences = [words for words in zip(first, second, strict=True) if words[0] != words[1]]
    if len(differences) != 1 or not _is_misspelling(*differences[0]):
        return None
    is_safe = len(first) > 1 and min(map(len, differences[0])) >= LETTERS_PER_EDIT
    return "spelling" if is_safe else "typo"


def _is_misspelling(first: str, second: str) -> bool:
    """Tell whether two words differ by few edits for their length, none at the beginning."""
    shorter = min(len(first), len(second))
    if (
        shorter < 4
        or first[0] != second[0]
        or any(character.isdigit() for character in first + second)
    ):
        return False
    return OSA.distance(first, second) <= max(1, shorter // LETTERS_PER_EDIT)
