"""Records compared field by field: how likely two of them are one thing, by a logistic of how alike their fields are.

`queries/entity_resolution/record_matching.json` has for each kind of record its fields, what is in each, and the weights; `python -m bench.quality.learn_records` learns them
from pairs that were judged. A field that one of the two lacks says something of its own.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, JaroWinkler

from mcp_context_persistence.queries.entity_resolution.name_matching import parse, plain, same_given

WEIGHTS = Path(__file__).with_name("record_matching.json")
LEAST = 2  # fields that each must have; one of them both
WHOLE_NUMBER = 8  # digits of a telephone number without its country
VALUES = 8  # of one field that are looked at
_WORD = re.compile(r"\w+")
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@cache
def profiles() -> dict[str, dict[str, Any]]:
    """Kinds of records: for each the `types` of entities, the field that is its `name`, its `fields` with what is in them, `bias`, `weights` and the threshold `same`."""
    return json.loads(WEIGHTS.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@cache
def profile_of(kind: str) -> str | None:
    """The kind of record that an entity of this type, in whatever case, has; None where none is known."""
    return next((name for name, one in profiles().items() if kind.casefold() in one["types"]), None)


def named(kind: str, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The record of an entity: its metadata, and its name as the field that a record of its type has for that."""
    profile = profile_of(kind)
    return {profiles()[profile]["name"]: name, **fields} if profile else dict(fields)


def chance(kind: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    """How likely two records of entities of type `kind` are of one thing, 0 to 1; None where they cannot be compared.

    Args:
        kind: Type of both.
        one: Values by the names of the fields: a text, a number, or a list of them.
        other: Likewise.
    """
    name = profile_of(kind)
    if name is None or not comparable(told(kind, one), told(kind, other)):
        return None
    known = profiles()[name]
    weights = known["weights"]
    total = known["bias"] + sum(
        weights[each] * value for each, value in features(known["fields"], one, other).items()
    )
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def told(kind: str, record: Mapping[str, Any]) -> frozenset[str]:
    """The fields of an entity of type `kind` that say something."""
    name = profile_of(kind)
    return (
        frozenset(each for each in profiles()[name]["fields"] if _texts(record.get(each)))
        if name
        else frozenset()
    )


def comparable(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    """Whether two records that tell these fields are enough to compare."""
    return min(len(mine), len(theirs)) >= LEAST and not mine.isdisjoint(theirs)


def threshold(kind: str) -> float:
    """The chance from which two records of this type are taken for one thing, 0 to 1."""
    name = profile_of(kind)
    return float(profiles()[name]["same"]) if name else 1.0


def features(
    fields: Mapping[str, str], one: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, float]:
    """What the logistic sees: for each field how alike the two are, whether they differ clearly, and whether one is missing."""
    found = {}
    for name, kind in fields.items():
        mine, theirs = _texts(one.get(name)), _texts(other.get(name))
        missing = not mine or not theirs
        alike = 0.0 if missing else max(COMPARED[kind](a, b) for a in mine for b in theirs)
        found[name] = alike
        found[f"{name}, nearly"] = alike**4
        found[f"{name}, differs"] = 0.0 if missing else float(alike < 0.5)
        found[f"{name}, equal"] = 0.0 if missing else float(alike > 0.999)
        found[f"{name}, missing"] = float(missing)
    return found


def keys(kind: str, record: Mapping[str, Any]) -> set[str]:
    """Under which a record is looked for: its fields' words, whole values of numbers and dates."""
    name = profile_of(kind)
    if name is None:
        return set()
    return {
        f"{each}: {word}"
        for each in profiles()[name]["fields"]
        for text in _texts(record.get(each))
        for word in _WORD.findall(plain(text))
        if len(word) > 2
    }


def _texts(value: object) -> list[str]:
    given = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [
        str(one).strip()
        for one in given[:VALUES]
        if one is not None and not isinstance(one, (Mapping, list)) and str(one).strip()
    ]


def title(one: str, other: str) -> float:
    """How alike two texts are, whatever the order of their words."""
    a, b = " ".join(_WORD.findall(plain(one))), " ".join(_WORD.findall(plain(other)))
    return fuzz.token_sort_ratio(a, b) / 100 if a and b else 0.0


def venue(one: str, other: str) -> float:
    """How alike two names of places of publication are: one may be a part, or the first letters, of the other."""
    a, b = _WORD.findall(plain(one)), _WORD.findall(plain(other))
    if not a or not b:
        return 0.0
    short, full = sorted((a, b), key=len)
    letters = "".join(word[0] for word in full)
    if any(len(word) > 2 and word in letters for word in short):
        return 1.0
    return fuzz.token_set_ratio(" ".join(a), " ".join(b)) / 100


def listed(one: str, other: str) -> float:
    """How alike two lists of people are, apart by commas, semicolons or `and`: the mean over the shorter list of each one's best match."""
    mine, theirs = (
        [
            " ".join(_WORD.findall(each))
            for each in re.split(r"[,;]| and ", plain(text))
            if each.strip()
        ]
        for text in (one, other)
    )
    few, many = sorted((mine, theirs), key=len)
    if not few:
        return 0.0
    found = sum(max(person(each, name) for name in many) for each in few) / len(few)
    return found * (0.5 + 0.5 * len(few) / len(many))


def person(one: str, other: str) -> float:
    """How alike two names are: each word of the shorter one against its best match, initials and short forms of given names included."""
    few, many = sorted((parse(one, "person").words, parse(other, "person").words), key=len)
    if not few:
        return 0.0
    best = [max(_word(a, b) for b in many) for a in few]
    return sum(best) / len(best) * (0.9 + 0.1 * len(few) / len(many))


def _word(one: str, other: str) -> float:
    if one == other:
        return 1.0
    if 1 in {len(one), len(other)}:
        return 0.85 if one[0] == other[0] else 0.0
    if same_given(one, other):
        return 0.95
    alike = JaroWinkler.similarity(one, other)
    return alike if alike >= 0.8 else 0.0


def address(one: str, other: str) -> float:
    """How alike two addresses are: words in any order; a part of the other one counts, its numbers must be there too."""
    a, b = " ".join(_WORD.findall(plain(one))), " ".join(_WORD.findall(plain(other)))
    if not a or not b:
        return 0.0
    return max(fuzz.token_sort_ratio(a, b), 0.95 * fuzz.token_set_ratio(a, b)) / 100


def date(one: str, other: str) -> float:
    """How alike two dates are, in whatever order day, month and year stand: the share of equal numbers, or else of equal digits."""
    mine, theirs = _numbers(one), _numbers(other)
    if not mine or not theirs:
        return float(plain(one) == plain(other))
    left = list(theirs)
    equal = 0
    for number in mine:
        if number in left:
            left.remove(number)
            equal += 1
    if equal == len(mine) == len(theirs):
        return 1.0
    return 0.95 * max(
        equal / max(len(mine), len(theirs)),
        OSA.normalized_similarity("".join(map(str, mine)), "".join(map(str, theirs))) - 0.1,
    )


def _numbers(text: str) -> list[int]:
    spread = _DATE.sub(r"\1 \2 \3", text) if text.isdigit() else text
    found = []
    for word in re.findall(r"\d+|[a-z]+", plain(spread)):
        if word.isdigit():
            found.append(int(word) % 100)  # 1993 and 93
        elif word[:3] in _MONTHS:
            found.append(_MONTHS.index(word[:3]) + 1)
    return found


def code(one: str, other: str) -> float:
    """How alike two numbers or codes are: 1 for equal ones, less for those that are an edit or two away."""
    a, b = ("".join(_WORD.findall(plain(text))) for text in (one, other))
    if not a or not b:
        return 0.0
    if a == b:
        return 1.0
    if min(len(a), len(b)) >= WHOLE_NUMBER and (a.endswith(b) or b.endswith(a)):
        return 0.95  # a telephone number with and without its country
    return max(0.0, 1 - OSA.distance(a, b) / 3) * float(min(len(a), len(b)) > 4)


def year(one: str, other: str) -> float:
    """1 for the same year, 0.6 for the next one, 0 else."""
    mine, theirs = (re.search(r"\d{4}", text) for text in (one, other))
    if not mine or not theirs:
        return 0.0
    return {0: 1.0, 1: 0.6}.get(abs(int(mine[0]) - int(theirs[0])), 0.0)


COMPARED = {
    "title": title,
    "venue": venue,
    "list": listed,
    "person": person,
    "address": address,
    "date": date,
    "code": code,
    "year": year,
}
