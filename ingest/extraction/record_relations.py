"""Relations that a record states line by line: "name: Ines Falk", "company: Tidewater Labs"."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.mentions import EVIDENCE_CHARACTERS
from mcp_context_persistence.ingest.extraction.modality_words import (
    get_words as get_modality_words,
)
from mcp_context_persistence.ingest.extraction.results import Mention, Relation
from mcp_context_persistence.ingest.extraction.rule_data import get_confidence, read_json

RECORD_RULE = "layout:record"
_FIELDS_FILE = "record_fields.json"
_LINE = re.compile(
    r"^[ \t>]*(?:[-*•+][ \t]+)?[*_`]*(?P<key>[^\W\d_][\w /-]{0,29}?)[*_`]*[ \t]*[:=][*_`]*[ \t]+"
    r"(?P<value>\S[^\n]*)$",
    re.MULTILINE,
)
_SIGNS = (":", "=")
_BEFORE_NAME = re.compile(r"[\s*_`\"'“‘(@\[]*")
_BETWEEN_NAMES = re.compile(r"[\s*_`\"'”’)\]]*(?:[,;/&+·•]|\band\b)[\s*_`\"'“‘(@\[]*")
_DOUBTS = get_modality_words("former") | frozenset(
    {"?", "ex", "no", "none", "not", "maybe", "planned", "tbd", "was", "until", "unknown"}
)
# Text that may follow a name and does not make the field doubtful: "Ines Falk, brewmaster".
_AFTER_NAMES = re.compile(r"[\s*_`\"'”’)\].;]*(?:v?\d[\w.]*|,(?: [\w.+-]+){1,3})?[\s*_`.]*")
_NAME_KEYS = frozenset({"name", "full name"})
_MARKS_OF_TITLES = " \t#*_`=-:[]"
_WORD = re.compile(r"\w+|\?")


class _Field(NamedTuple):
    """A line of a record: its key, and the names with which its value begins."""

    start: int
    end: int
    key: str
    names: list[Mention]


class _Meaning(NamedTuple):
    """What a field says about the subject of its record.

    Attributes:
        relation: The type of relation.
        is_reversed: Whether it leads from the field's name to the subject.
        subjects: The types that the subject may have; all where there are none.
        values: The types that the field's name may have; all where there are none.
    """

    relation: str
    is_reversed: bool
    subjects: frozenset[str]
    values: frozenset[str]


def find_record_relations(text: str, mentions: Sequence[Mention]) -> Iterator[Relation]:
    """Yield what records in a text say about their subjects.

    A record has at least two lines with a key and a value, one below the other. Its subject is the
    name that is alone in the line above. Without such a line, it is the name in the first line, if
    its key is one of the `subjects` in `record_fields.json`.

    Args:
        text: The text.
        mentions: Its names and concepts.
    """
    names = sorted(
        (mention for mention in mentions if mention.type != "concept"), key=attrgetter("start")
    )
    if len(names) < 2 or "\n" not in text or not any(sign in text for sign in _SIGNS):
        return
    for record in _find_records(text, names):
        subject = _find_title(text, names, record[0])
        fields = record
        if subject is None and record[0].key in _read_subject_keys() and record[0].names:
            subject, fields = record[0].names[0], record[1:]
        if subject is not None:
            yield from _read_fields(text, subject, record[0].start, fields)


def _find_records(text: str, names: Sequence[Mention]) -> Iterator[list[_Field]]:
    record, keys = list[_Field](), set[str]()
    for match in _LINE.finditer(text):
        field = _Field(match.start(), match.end(), match["key"].strip().lower(), [])
        position = match.start("value")
        index = bisect_left(names, position, key=attrgetter("start"))
        while index < len(names) and names[index].end <= match.end():
            between = _BETWEEN_NAMES if field.names else _BEFORE_NAME
            if not between.fullmatch(text, position, names[index].start):
                break
            field.names.append(names[index])
            position = names[index].end
            index += 1
        if not _AFTER_NAMES.fullmatch(text, position, match.end()):
            field.names.clear()
        is_new_record = field.key in _NAME_KEYS or field.key in keys
        if record and (is_new_record or text[record[-1].end : field.start] != "\n"):
            if len(record) > 1:
                yield record
            record, keys = [], set()
        record.append(field)
        keys.add(field.key)
    if len(record) > 1:
        yield record


def _find_title(text: str, names: Sequence[Mention], first: _Field) -> Mention | None:
    """Return the name that is alone in the line above a record."""
    end = first.start - 1
    begin = text.rfind("\n", 0, max(0, end)) + 1
    line = text[begin : max(begin, end)]
    index = bisect_left(names, begin, key=attrgetter("start"))
    if index == len(names) or names[index].end > end:
        return None
    is_alone = not line.replace(names[index].text, "", 1).strip(_MARKS_OF_TITLES)
    return names[index] if is_alone else None


def _read_fields(
    text: str, subject: Mention, start: int, fields: Sequence[_Field]
) -> Iterator[Relation]:
    meanings = _read_meanings()
    for field in fields:
        words = _WORD.findall(text[field.start : field.end].lower())
        if not _DOUBTS.isdisjoint(words):
            continue
        for name in field.names:
            meaning = next(
                (
                    meaning
                    for meaning in meanings.get(field.key, ())
                    if subject.type in (meaning.subjects or {subject.type})
                    and name.type in (meaning.values or {name.type})
                ),
                None,
            )
            if meaning is not None and name.entity_id != subject.entity_id:
                yield _build_relation(text, subject, name, meaning, start, field)


def _build_relation(
    text: str, subject: Mention, name: Mention, meaning: _Meaning, start: int, field: _Field
) -> Relation:
    ends = (subject.entity_id, name.entity_id)
    source, target = reversed(ends) if meaning.is_reversed else ends
    begin = min(start, subject.start)
    line_end = text.find("\n", subject.start)
    line_end = min(line_end if line_end >= 0 else len(text), begin + EVIDENCE_CHARACTERS)
    line = text[field.start : min(field.end, field.start + EVIDENCE_CHARACTERS)]
    evidence = " ".join(f"{text[begin:line_end]} {line}".split())
    return Relation(
        source=source,
        type=meaning.relation,
        target=target,
        confidence=get_confidence(RECORD_RULE),
        evidence=evidence[:EVIDENCE_CHARACTERS],
        start=begin,
        end=field.end,
        extractor=RECORD_RULE,
    )


@cache
def _read_subject_keys() -> frozenset[str]:
    """Return the keys whose name may be the subject of a record."""
    return frozenset(read_json(_FIELDS_FILE)["subjects"])


@cache
def _read_meanings() -> dict[str, list[_Meaning]]:
    """Return what the keys of fields mean."""
    meanings: dict[str, list[_Meaning]] = {}
    for entry in read_json(_FIELDS_FILE)["fields"]:
        meaning = _Meaning(
            entry["relation"],
            entry.get("reversed", False),
            frozenset(entry.get("subjects", ())),
            frozenset(entry.get("values", ())),
        )
        for key in entry["keys"]:
            meanings.setdefault(key, []).append(meaning)
    return meanings
