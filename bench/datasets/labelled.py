"""Readers of the labelled sets that the extraction is measured on. Every reader returns plain values; none of the sets is part of this repository."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Span = tuple[int, int, str]
_TYPES = {"PER": "person", "person": "person", "ORG": "organization", "corporation": "organization", "group": "organization",
          "LOC": "location", "location": "location", "MISC": "other", "product": "product", "creative-work": "work"}  # fmt: skip
_MARK = re.compile(r"\[([^\]|]+)\|([a-z]+)\]")


class Labelled(NamedTuple):
    """A text, its labelled spans (start, end, type), and its statements (source, type, target) in words."""

    text: str
    spans: set[Span]
    statements: list[tuple[str, str, str]]


def sentences(path: Path) -> list[Labelled]:
    """Our own sentences: ``[name|type]`` marks an entity, a line after ``>`` is a statement."""
    found: list[Labelled] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(">"):
            source, kind, target = (part.strip() for part in line[1:].split(">"))
            found[-1].statements.append((source, kind, target))
        elif line and not line.startswith("#"):
            found.append(_marked(line))
    return found


def decisions(path: Path) -> list[tuple[str, bool]]:
    """Our own sentences, and whether each tells of a decision: ``+`` or ``-`` before it."""
    return [
        (line[2:], line[0] == "+")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line[:2] in {"+ ", "- "}
    ]


def _marked(line: str) -> Labelled:
    parts, spans, length, at = [], set(), 0, 0
    for mark in _MARK.finditer(line):
        parts += [line[at : mark.start()], mark[1]]
        length += mark.start() - at
        spans.add((length, length + len(mark[1]), mark[2]))
        length += len(mark[1])
        at = mark.end()
    return Labelled("".join([*parts, line[at:]]), spans, [])


def tagged(path: Path) -> Iterator[Labelled]:
    """A set with one token per line, sentences apart by an empty line: CoNLL (last column) or IOB2 with numbered tokens."""
    rows: list[tuple[str, str]] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("# ") and "\t" not in line:
            continue
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) >= 2:
            rows.append((columns[1], columns[2]) if len(columns) > 3 else (columns[0], columns[-1]))
        elif rows:
            yield _joined(rows)
            rows = []


def _joined(rows: list[tuple[str, str]]) -> Labelled:
    spans: list[tuple[int, int, str]] = []
    at, before = 0, "O"
    for word, tag in rows:
        kind = _TYPES.get(tag[2:], "") if tag != "O" else ""
        if kind and tag.startswith("I-") and before != "O" and before[2:] == tag[2:]:
            spans[-1] = (spans[-1][0], at + len(word), kind)
        elif kind:
            spans.append((at, at + len(word), kind))
        before = tag
        at += len(word) + 1
    return Labelled(" ".join(word for word, _ in rows), set(spans), [])


def excerpts(folder: Path) -> list[tuple[str, set[tuple[str, str]]]]:
    """Texts with the (lower-case name, type) pairs that they hold."""
    labels = {
        row["id"]: row["entities"] for row in _lines(folder / "entity_extraction_labels.jsonl")
    }
    types = {"place": "location"}
    return [
        (
            row["text"],
            {
                (entity["name"].lower(), types.get(entity["type"], entity["type"]))
                for entity in labels[row["id"]]
            },
        )
        for row in _lines(folder / "entity_extraction_dataset.jsonl")
    ]


def memories(folder: Path) -> list[tuple[str, list[str]]]:
    """Texts with the decisions that they tell of."""
    labels = {
        row["id"]: row["memories"] for row in _lines(folder / "memory_extraction_labels.jsonl")
    }
    return [
        (row["text"], [one["content"] for one in labels[row["id"]] if one["type"] == "decision"])
        for row in _lines(folder / "memory_extraction_dataset.jsonl")
    ]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    ]


def turns(path: Path) -> list[str]:
    """The turns of the long chats, in order."""
    found = []
    for chat in json.loads(path.read_text(encoding="utf-8")):
        sessions = chat["conversation"]
        names = sorted(
            (key for key in sessions if re.fullmatch(r"session_\d+", key)),
            key=lambda key: int(key[8:]),
        )
        found += [turn["text"] for name in names for turn in sessions[name]]
    return found
