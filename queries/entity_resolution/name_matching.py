"""Names, taken apart: which forms of a name can mean the same thing, and which cannot.

Nothing here knows where a name stands. What a shorter form means is decided by `queries.entity_resolution.scoring`, which knows the other names around it.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from rapidfuzz.distance import OSA

SETTINGS = Path(__file__).with_name("name_matching.json")

# How two names are alike; `queries/entity_resolution/name_matching.json` has a score for each.
Kind = Literal[
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

NAMED = frozenset({"organization", "event", "project", "group"})  # whose names may lose words
NAMES = 65_536  # that are kept as they were taken apart
LETTERS_PER_EDIT = 8  # of a word that may be misspelt by one edit
COUNTED = 6  # letters that a number in a name may stand for, at least
_ACCENT = re.compile("[\u0300-\u036f]")
_DOTTED = re.compile(r"\b(\w)\.(?=\w\b)")
_NUMERAL = re.compile(r"(?=..)(x{0,3})(ix|iv|v?i{0,3})")
_DESCRIPTION = re.compile(r"(the|this|that|our|their) [a-z]")


@cache
def settings() -> dict[str, Any]:
    """The scores, thresholds and lists of words of `queries/entity_resolution/name_matching.json`."""
    return json.loads(SETTINGS.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@cache
def _listed(key: str) -> frozenset[str]:
    return frozenset(settings()[key])


@cache
def _nicknames() -> dict[str, frozenset[str]]:
    """For each given name that has a short form or is one, the full names that it may stand for, itself among them."""
    found: dict[str, set[str]] = {}
    for group in settings()["nicknames"]:
        for name in group:
            found.setdefault(name, {name}).add(group[0])
    return {name: frozenset(full) for name, full in found.items()}


def plain(text: str) -> str:
    """A text in lower case, without accents, `&` as a word. Marks that make other letters, as in Hindi and Japanese, stay."""
    spread = unicodedata.normalize("NFKD", text.replace("&", " and ").replace("ß", "ss"))
    bare = unicodedata.normalize("NFC", _ACCENT.sub("", spread))
    return bare.casefold().replace("'", "").replace("’", "")


def _words(text: str) -> list[str]:
    """The words of a plain text: letters with their marks, digits, `+` and `#`; those without a letter or digit are left out."""
    spaced = "".join(
        one if one in "+#" or one.isalnum() or unicodedata.category(one) in {"Mn", "Mc"} else " "
        for one in text
    )
    return [word for word in spaced.split() if any(map(str.isalnum, word))]


@dataclass(frozen=True, kw_only=True)
class Name:
    """A name of a thing of some type.

    Attributes:
        type: Of the thing, in lower case.
        words: Its words in lower case, without accents, articles, honorifics and legal suffixes.
        key: The words as one; names with the same key are spelled alike.
        numbers: Its numbers, Roman ones and generations (Jr) among them, in order.
        region: What comes after the comma of a place.
        described: Whether it is a description ("the union").
    """

    type: str
    words: tuple[str, ...]
    key: str
    numbers: tuple[str, ...] = ()
    region: str = ""
    described: bool = False

    @property
    def initials(self) -> bool:
        """Whether it is somebody's initials."""
        return (
            self.type == "person"
            and len(self.key) in {2, 3}
            and all(len(word) == 1 for word in self.words)
        )

    @property
    def weak(self) -> bool:
        """Whether others may well have the same: a description, initials, somebody's given or family name alone."""
        return self.described or self.initials or (self.type == "person" and len(self.words) == 1)

    @property
    def vague(self) -> bool:
        """Whether its type says nothing, so that it may be of any other one."""
        return self.type in _listed("vague")

    @cached_property
    def spelled(self) -> str:
        """What makes two names of one type the same."""
        return f"{self.type} {self.key} {self.region}"

    @cached_property
    def size(self) -> tuple[int, int, int, str]:
        """Of two names the shorter one is the one whose size is less."""
        return len(self.words), len(self.key), len(self.region), self.key

    @cached_property
    def counted(self) -> str:
        """Its first and last letter with the number of those between, as `k8s` for Kubernetes; empty where they are few."""
        between = len(self.key) - 2
        return (
            f"{self.key[0]}{between}{self.key[-1]}"
            if between >= COUNTED and self.key.isalpha()
            else ""
        )

    @cached_property
    def letters(self) -> frozenset[str]:
        """The first letters of its words, with and without the little ones; none of a word alone."""
        if len(self.words) < 2:
            return frozenset()
        return frozenset(
            (
                "".join(word[0] for word in self.words),
                "".join(word[0] for word in self.words if word not in _listed("fillers")),
            )
        )


@lru_cache(NAMES)
def parse(text: str, kind: str) -> Name:
    """Take a name of a thing of type `kind`, in whatever case, apart. One of signs only has no words."""
    kind = kind.casefold()
    described = _DESCRIPTION.match(text[:1].lower() + text[1:]) is not None
    region = ""
    if kind == "location" and "," in text:
        text, _, after = text.partition(",")
        region = "".join(_words(plain(after)))
    if kind != "person":
        text = _DOTTED.sub(r"\1", text)
    words = _words(plain(text))
    while len(words) > 1 and words[0] in _listed("articles") and kind != "person":
        del words[0]
    if kind == "person":
        words = _without_titles(words)
    elif kind != "location":
        while len(words) > 1 and words[-1] in _listed("legal"):
            del words[-1]
    numbers = tuple(word for place, word in enumerate(words) if _number(word, first=place == 0))
    return Name(
        type=kind,
        words=tuple(words),
        key="".join(words),
        numbers=numbers,
        region=region,
        described=described,
    )


def _without_titles(words: list[str]) -> list[str]:
    while len(words) > 1 and words[0] in _listed("honorifics"):
        words = words[1:]
    while len(words) > 1 and words[-1] in _listed("degrees"):
        words = words[:-1]
    return words


def _number(word: str, *, first: bool) -> bool:
    return any(one.isdigit() for one in word) or (
        not first and (word in _listed("generations") or _NUMERAL.fullmatch(word) is not None)
    )


def conflict(one: Name, other: Name) -> str | None:
    """Why two names cannot mean the same thing, whatever else is alike; None when they can."""
    if other_types(one, other):
        return "other types"
    if one.numbers != other.numbers and one.numbers and other.numbers:
        return "other numbers"
    if one.region and other.region and one.region != other.region:
        return "other regions"
    if len(one.words) > 1 and len(other.words) > 1 and likeness(one, other) is None:
        return "other names" if "person" in {one.type, other.type} else "other words"
    return None


def other_types(one: Name, other: Name) -> bool:
    """Whether things of these types cannot be one."""
    return one.type != other.type and not (one.vague or other.vague)


def likeness(one: Name, other: Name) -> Kind | None:
    """How two names are alike, None when they are not."""
    if not (one.words and other.words) or (
        one.numbers != other.numbers and one.numbers and other.numbers
    ):
        return None
    if one.key == other.key and one.region == other.region:
        return "weak" if one.weak or other.weak else "exact"
    kind = (
        one.type if one.type == other.type else ""
    )  # of a vague type nothing is known that would make a part of a name a name
    short, full = (one, other) if one.size <= other.size else (other, one)
    if short.described or full.described:
        return (
            "described"
            if short.described and not full.described and _describes(short, full)
            else None
        )
    if one.key == other.key:
        return "region" if not (one.region and other.region) else None
    if kind == "person":
        return _people(short, full)
    return _things(short, full, kind)


def _describes(short: Name, full: Name) -> bool:
    """Whether a description is the last words of a name: the union, of the Harbour Freight Union."""
    return len(full.words) > len(short.words) and full.words[-len(short.words) :] == short.words


def _people(short: Name, full: Name) -> Kind | None:
    if short.initials:
        letters = "".join(word[0] for word in full.words)
        return (
            "initial"
            if len(full.words) > 1 and letters in {short.key, short.key[0] + short.key[-1]}
            else None
        )
    if len(short.words) == 1:
        known = short.words[0]
        if len(full.words) > 1 and known in {full.words[0], full.words[-1]}:
            return "part"
        return "nickname" if len(full.words) > 1 and same_given(known, full.words[0]) else None
    if short.numbers != full.numbers:
        return "typo" if _bare(short) == _bare(full) else None
    return _full_names(short.words, full.words)


def _bare(name: Name) -> tuple[str, ...]:
    return tuple(word for word in name.words if word not in name.numbers)


def _full_names(short: tuple[str, ...], full: tuple[str, ...]) -> Kind | None:
    """How two names of people are alike that both have given and family names."""
    given, family = (short[0], full[0]), (short[-1], full[-1])
    if family[0] != family[1]:
        return (
            "typo"
            if given[0] == given[1]
            and len(short) == len(full)
            and short[1:-1] == full[1:-1]
            and _misspelt(*family)
            else None
        )
    if not _middles(short[1:-1], full[1:-1]):
        return None
    if given[0] == given[1]:
        return "shortened"
    if 1 in {len(given[0]), len(given[1])}:
        return "initial" if given[0][0] == given[1][0] else None
    if same_given(*given):
        return "nickname"
    return "typo" if _misspelt(*given) else None


def _middles(few: tuple[str, ...], many: tuple[str, ...]) -> bool:
    """Whether one person can have both middle names: what both have begins alike, one of a single letter for the whole."""
    return all(
        a == b or (1 in {len(a), len(b)} and a[0] == b[0]) for a, b in zip(few, many, strict=False)
    )  # the longer one may have more


def full_givens(given: str) -> frozenset[str]:
    """The full names that a given name may stand for, itself among them."""
    return _nicknames().get(given, frozenset({given}))


def same_given(one: str, other: str) -> bool:
    """Whether two given names may be short and long forms of one."""
    return not full_givens(one).isdisjoint(full_givens(other))


def _things(short: Name, full: Name, kind: str) -> Kind | None:
    if _acronym(short, full) or (full.counted and short.key == full.counted):
        return "acronym"
    if short.numbers == full.numbers and (spelled := _spelled(short.words, full.words)):
        return spelled
    if len(short.words) < len(full.words) and short.words == full.words[: len(short.words)]:
        numbered = bool(short.numbers) and short.numbers == full.numbers
        named = kind in NAMED and len(short.key) > 3 and short.words[0] not in _listed("fillers")
        return "part" if numbered or (named and not full.numbers) else None
    if (
        kind in NAMED
        and 1 < len(short.words) < len(full.words)
        and short.words == full.words[-len(short.words) :]
    ):
        return "part"
    return None


def _acronym(short: Name, full: Name) -> bool:
    """Whether one name is the first letters of the other, with or without its little words."""
    if short.key not in full.letters or not 2 <= len(short.key) <= 8:
        return False
    return any(len(word) > 1 for word in short.words) == (len(short.words) == 1)


def _spelled(one: tuple[str, ...], other: tuple[str, ...]) -> Kind | None:
    """Names of as many words that differ in one, by a plural or an edit; a word alone may as well be another one."""
    if len(one) != len(other):
        return None
    different = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    if len(different) != 1 or not _misspelt(*different[0]):
        return None
    return (
        "spelling" if len(one) > 1 and min(map(len, different[0])) >= LETTERS_PER_EDIT else "typo"
    )


def _misspelt(one: str, other: str) -> bool:
    """Whether one word may be the other one, misspelt: few edits for its length, none at its beginning."""
    shorter = min(len(one), len(other))
    if shorter < 4 or one[0] != other[0] or any(letter.isdigit() for letter in one + other):
        return False
    return OSA.distance(one, other) <= max(1, shorter // LETTERS_PER_EDIT)
