"""Record matching: compare records field by field.

A logistic model turns the similarities of the fields into the probability that two records are of
the same entity. `record_matching.json` has for each kind of record its fields, how they are
compared, and the weights. `python -m bench.quality.learn_records` learns the weights from labeled
pairs. An empty field has a weight of its own.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, JaroWinkler

from mcp_context_persistence.queries.entity_resolution.name_matching import (
    is_same_given_name,
    normalize_text,
    parse_name,
)

WEIGHTS = Path(__file__).with_name("record_matching.json")
MIN_FIELDS = 2  # that each record must have; they must have one of them in common
FULL_NUMBER = 8  # digits of a telephone number without its country code
MAX_VALUES = 8  # values of one field that are compared
_WORD = re.compile(r"\w+")
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@cache
def load_record_kinds() -> dict[str, dict[str, Any]]:
    """Return the kinds of records.

    Each has the entity `types`, the field that holds the `name`, its `fields` with the comparator
    of each, `bias`, `weights`, and the `threshold` of the probability.
    """
    return json.loads(WEIGHTS.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@cache
def find_record_kind(entity_type: str) -> str | None:
    """Return the kind of record for an entity type; case does not matter."""
    kind = entity_type.casefold()
    return next(
        (name for name, settings in load_record_kinds().items() if kind in settings["types"]), None
    )


def build_record(entity_type: str, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of an entity: its metadata, and its name in the field for names."""
    kind = find_record_kind(entity_type)
    return {load_record_kinds()[kind]["name"]: name, **fields} if kind else dict(fields)


def match_probability(
    entity_type: str, first: Mapping[str, Any], second: Mapping[str, Any]
) -> float | None:
    """Return the probability that two records are of the same entity, 0 to 1.

    Args:
        entity_type: Type of both entities.
        first: The first record: for each field a text, a number, or a list of them.
        second: The second record.

    Returns:
        The probability; None if the records cannot be compared.
    """
    kind = find_record_kind(entity_type)
    if kind is None or not are_comparable(
        filled_fields(entity_type, first), filled_fields(entity_type, second)
    ):
        return None
    settings = load_record_kinds()[kind]
    weights = settings["weights"]
    features = compute_features(settings["fields"], first, second)
    total = settings["bias"] + sum(weights[name] * value for name, value in features.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def filled_fields(entity_type: str, record: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields of a record that are compared and not empty."""
    kind = find_record_kind(entity_type)
    if kind is None:
        return frozenset()
    fields = load_record_kinds()[kind]["fields"]
    return frozenset(name for name in fields if _field_texts(record.get(name)))


def are_comparable(first_fields: frozenset[str], second_fields: frozenset[str]) -> bool:
    """Tell whether two records with these filled fields have enough fields to compare."""
    return min(len(first_fields), len(second_fields)) >= MIN_FIELDS and not first_fields.isdisjoint(
        second_fields
    )


def match_threshold(entity_type: str) -> float:
    """Return the probability from which two records count as the same entity, 0 to 1."""
    kind = find_record_kind(entity_type)
    return float(load_record_kinds()[kind]["threshold"]) if kind else 1.0


def compute_features(
    fields: Mapping[str, str], first: Mapping[str, Any], second: Mapping[str, Any]
) -> dict[str, float]:
    """Return the features of the logistic model: five for each field.

    These are the similarity, its fourth power, and whether the values differ clearly, are equal, or
    are missing.

    Args:
        fields: For each field the name of its comparator.
        first: The first record.
        second: The second record.
    """
    features = {}
    for name, comparator in fields.items():
        first_texts, second_texts = _field_texts(first.get(name)), _field_texts(second.get(name))
        is_missing = not first_texts or not second_texts
        compare = COMPARATORS[comparator]
        similarity = (
            0.0
            if is_missing
            else max(
                compare(first_text, second_text)
                for first_text in first_texts
                for second_text in second_texts
            )
        )
        features[name] = similarity
        features[f"{name}, nearly"] = similarity**4
        features[f"{name}, differs"] = 0.0 if is_missing else float(similarity < 0.5)
        features[f"{name}, equal"] = 0.0 if is_missing else float(similarity > 0.999)
        features[f"{name}, missing"] = float(is_missing)
    return features


def blocking_keys(entity_type: str, record: Mapping[str, Any]) -> set[str]:
    """Return the keys of the blocks that a record belongs to: its fields' words and numbers."""
    kind = find_record_kind(entity_type)
    if kind is None:
        return set()
    return {
        f"{name}: {word}"
        for name in load_record_kinds()[kind]["fields"]
        for text in _field_texts(record.get(name))
        for word in _WORD.findall(normalize_text(text))
        if len(word) > 2
    }


def _field_texts(value: object) -> list[str]:
    """Return the values of a field as texts, without empty ones."""
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [
        str(item).strip()
        for item in values[:MAX_VALUES]
        if item is not None and not isinstance(item, (Mapping, list)) and str(item).strip()
    ]


def _join_words(text: str) -> str:
    return " ".join(_WORD.findall(normalize_text(text)))


def compare_titles(first: str, second: str) -> float:
    """Return the similarity of two texts, whatever the order of their words, 0 to 1."""
    first_words, second_words = _join_words(first), _join_words(second)
    if not first_words or not second_words:
        return 0.0
    return fuzz.token_sort_ratio(first_words, second_words) / 100


def compare_venues(first: str, second: str) -> float:
    """Return the similarity of two places of publication, 0 to 1.

    One may be a part, or the first letters, of the other.
    """
    first_words = _WORD.findall(normalize_text(first))
    second_words = _WORD.findall(normalize_text(second))
    if not first_words or not second_words:
        return 0.0
    for short, full in _pair_by_length(first_words, second_words):
        initialism = "".join(word[0] for word in full)
        if any(len(word) > 2 and word in initialism for word in short):
            return 1.0
    return fuzz.token_set_ratio(" ".join(first_words), " ".join(second_words)) / 100


def compare_lists(first: str, second: str) -> float:
    """Return the similarity of two lists of people, 0 to 1.

    Commas, semicolons and `and` separate names. The mean of the best match of each name in the
    shorter list is lowered if the other list is longer.
    """
    first_names, second_names = (
        [
            " ".join(_WORD.findall(name))
            for name in re.split(r"[,;]| and ", normalize_text(text))
            if name.strip()
        ]
        for text in (first, second)
    )
    if not first_names or not second_names:
        return 0.0
    best = _find_matches(first_names, second_names, compare_people)
    return best * (0.5 + 0.5 * _compare_lengths(first_names, second_names))


def compare_people(first: str, second: str) -> float:
    """Return the similarity of two names of people, 0 to 1.

    Each word of the shorter name is compared with its best match. Initials and short forms of given
    names match.
    """
    first_words, second_words = (parse_name(name, "person").words for name in (first, second))
    if not first_words or not second_words:
        return 0.0
    best = _find_matches(first_words, second_words, _compare_words)
    return best * (0.9 + 0.1 * _compare_lengths(first_words, second_words))


def _find_matches(
    first: Sequence[str], second: Sequence[str], compare: Callable[[str, str], float]
) -> float:
    """Return the mean of the best match of each word or name in the shorter list, 0 to 1.

    Of two lists of the same length, it is the smaller mean.
    """
    return min(
        sum(max(compare(name, other_name) for other_name in full) for name in short) / len(short)
        for short, full in _pair_by_length(first, second)
    )


def _pair_by_length(
    first: Sequence[str], second: Sequence[str]
) -> list[tuple[Sequence[str], Sequence[str]]]:
    """Return the shorter list with the longer one; both ways where the lengths are equal."""
    pairs = [(first, second), (second, first)]
    return [(short, full) for short, full in pairs if len(short) <= len(full)]


def _compare_lengths(first: Sequence[str], second: Sequence[str]) -> float:
    return min(len(first), len(second)) / max(len(first), len(second))


def _compare_words(first: str, second: str) -> float:
    if first == second:
        return 1.0
    if 1 in {len(first), len(second)}:
        return 0.85 if first[0] == second[0] else 0.0
    if is_same_given_name(first, second):
        return 0.95
    similarity = JaroWinkler.similarity(first, second)
    return similarity if similarity >= 0.8 else 0.0


def compare_addresses(first: str, second: str) -> float:
    """Return the similarity of two addresses, whatever the order of their words, 0 to 1."""
    first_words, second_words = _join_words(first), _join_words(second)
    if not first_words or not second_words:
        return 0.0
    return (
        max(
            fuzz.token_sort_ratio(first_words, second_words),
            0.95 * fuzz.token_set_ratio(first_words, second_words),
        )
        / 100
    )


def compare_dates(first: str, second: str) -> float:
    """Return the similarity of two dates in any order of day, month and year, 0 to 1.

    It is the share of equal numbers, or else of equal digits.
    """
    first_numbers, second_numbers = _date_numbers(first), _date_numbers(second)
    if not first_numbers or not second_numbers:
        return float(normalize_text(first) == normalize_text(second))
    unmatched = list(second_numbers)
    equal = 0
    for number in first_numbers:
        if number in unmatched:
            unmatched.remove(number)
            equal += 1
    if equal == len(first_numbers) == len(second_numbers):
        return 1.0
    first_digits, second_digits = (
        "".join(map(str, numbers)) for numbers in (first_numbers, second_numbers)
    )
    return 0.95 * max(
        equal / max(len(first_numbers), len(second_numbers)),
        OSA.normalized_similarity(first_digits, second_digits) - 0.1,
    )


def _date_numbers(text: str) -> list[int]:
    """Return the numbers of a date: months by name as numbers, years by their last two digits."""
    separated = _DATE.sub(r"\1 \2 \3", text) if text.isdigit() else text
    numbers = []
    for word in re.findall(r"\d+|[a-z]+", normalize_text(separated)):
        if word.isdigit():
            numbers.append(int(word) % 100)
        elif word[:3] in _MONTHS:
            numbers.append(_MONTHS.index(word[:3]) + 1)
    return numbers


def compare_codes(first: str, second: str) -> float:
    """Return the similarity of two numbers or codes: 1 if equal, less after an edit or two."""
    first_code, second_code = (
        "".join(_WORD.findall(normalize_text(text))) for text in (first, second)
    )
    if not first_code or not second_code:
        return 0.0
    if first_code == second_code:
        return 1.0
    shorter = min(len(first_code), len(second_code))
    if shorter >= FULL_NUMBER and (
        first_code.endswith(second_code) or second_code.endswith(first_code)
    ):
        return 0.95  # a telephone number with and without its country code
    return max(0.0, 1 - OSA.distance(first_code, second_code) / 3) * float(shorter > 4)


def compare_years(first: str, second: str) -> float:
    """Return 1 for the same year, 0.6 for consecutive years, and 0 else."""
    first_year, second_year = (re.search(r"\d{4}", text) for text in (first, second))
    if not first_year or not second_year:
        return 0.0
    return {0: 1.0, 1: 0.6}.get(abs(int(first_year[0]) - int(second_year[0])), 0.0)


COMPARATORS = {
    "title": compare_titles,
    "venue": compare_venues,
    "list": compare_lists,
    "person": compare_people,
    "address": compare_addresses,
    "date": compare_dates,
    "code": compare_codes,
    "year": compare_years,
}
