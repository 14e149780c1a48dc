"""Read the labeled sets that extraction is measured on.

Every reader returns plain values. None of the sets is part of this repository.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Span = tuple[int, int, str]
_TYPES = {
    "PER": "person",
    "person": "person",
    "ORG": "organization",
    "corporation": "organization",
    "group": "organization",
    "LOC": "location",
    "location": "location",
    "MISC": "other",
    "product": "product",
    "creative-work": "work",
}
_MARK = re.compile(r"\[([^\]|]+)\|([a-z]+)\]")


class Labeled(NamedTuple):
    """A text, its labeled spans (start, end, type) and its relations (source, type, target)."""

    text: str
    spans: set[Span]
    relations: list[tuple[str, str, str]]


def sentences(path: Path) -> list[Labeled]:
    """Read our own sentences: ``[name|type]`` is an entity, a line after ``>`` a relation."""
    documents: list[Labeled] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(">"):
            source, kind, target = (name.strip() for name in line[1:].split(">"))
            documents[-1].relations.append((source, kind, target))
        elif line and not line.startswith("#"):
            documents.append(_read_marked(line))
    return documents


def decisions(path: Path) -> list[tuple[str, bool]]:
    """Read our own sentences, and whether each is a decision: ``+`` or ``-`` before it."""
    return [
        (line[2:], line[0] == "+")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line[:2] in {"+ ", "- "}
    ]


def _read_marked(line: str) -> Labeled:
    texts, spans, length, end = [], set(), 0, 0
    for mark in _MARK.finditer(line):
        texts += [line[end : mark.start()], mark[1]]
        length += mark.start() - end
        spans.add((length, length + len(mark[1]), mark[2]))
        length += len(mark[1])
        end = mark.end()
    return Labeled("".join([*texts, line[end:]]), spans, [])


def tagged(path: Path) -> Iterator[Labeled]:
    """Read a set with one token per line and an empty line between sentences.

    That is CoNLL, with the tag in the last column, or IOB2 with numbered tokens.
    """
    rows: list[tuple[str, str]] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("# ") and "\t" not in line:
            continue
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) >= 2:
            rows.append((columns[1], columns[2]) if len(columns) > 3 else (columns[0], columns[-1]))
        elif rows:
            yield _join_tokens(rows)
            rows = []


def _join_tokens(rows: list[tuple[str, str]]) -> Labeled:
    spans: list[tuple[int, int, str]] = []
    start, previous = 0, "O"
    for word, tag in rows:
        kind = _TYPES.get(tag[2:], "") if tag != "O" else ""
        if kind and tag.startswith("I-") and previous != "O" and previous[2:] == tag[2:]:
            spans[-1] = (spans[-1][0], start + len(word), kind)
        elif kind:
            spans.append((start, start + len(word), kind))
        previous = tag
        start += len(word) + 1
    return Labeled(" ".join(word for word, _ in rows), set(spans), [])


def excerpts(folder: Path) -> list[tuple[str, set[tuple[str, str]]]]:
    """Read texts with their (lower-case name, type) pairs."""
    labels = {
        row["id"]: row["entities"] for row in _read_lines(folder / "entity_extraction_labels.jsonl")
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
        for row in _read_lines(folder / "entity_extraction_dataset.jsonl")
    ]


def memories(folder: Path) -> list[tuple[str, list[str]]]:
    """Read texts with their decisions."""
    labels = {
        row["id"]: row["memories"] for row in _read_lines(folder / "memory_extraction_labels.jsonl")
    }
    return [
        (
            row["text"],
            [label["content"] for label in labels[row["id"]] if label["type"] == "decision"],
        )
        for row in _read_lines(folder / "memory_extraction_dataset.jsonl")
    ]


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    ]


def turns(path: Path) -> list[str]:
    """Read the turns of the long chats, in order."""
    texts = []
    for chat in json.loads(path.read_text(encoding="utf-8")):
        sessions = chat["conversation"]
        names = sorted(
            (key for key in sessions if re.fullmatch(r"session_\d+", key)),
            key=lambda key: int(key[8:]),
        )
        texts += [turn["text"] for name in names for turn in sessions[name]]
    return texts
