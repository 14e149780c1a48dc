"""A text for a prompt: the best of what a search finds, in readable passages with citations, within a budget of tokens."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from kg.statement import Row
from queries.fusion import stem
from queries.ranking import SOFTNESS
from queries.text import tokens

Count = Callable[[str], int]

KEYS = {"message": "m", "decision": "d", "document": "doc"}
ENOUGH = 0.97  # of all relevance; what comes after it is noise
ALIKE = 0.7  # how much of its worth a text loses that repeats another one
SAME_TALK = 0.1  # how much alike two messages of one conversation are at least
SHARE = 1 / 3  # of the budget, which one message may take
BETWEEN = 40  # tokens of a message that is shown because it stands between two others, or asks what the next one answers
_SENTENCE = re.compile(r"(?:(?<=[.!?…。！？])|(?<=[.!?…。！？][\"'”’)\]]))\s+|\n+")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A text that can be shown.

    Attributes:
        row: What it is from.
        score: As the search gave it.
        share: Of all relevance that was found, 0 to 1.
        line: As it is shown, with its citation.
        size: Tokens of the line.
        words: Stems, by which repetitions are seen.
    """

    row: Row
    score: float
    share: float
    line: str
    size: int
    words: frozenset[str]

    @property
    def place(self) -> tuple[str, float, str]:
        """Where it stands: conversation, position, id."""
        position = self.row.get("position")
        return self.row["conversation_id"] or "", float("inf") if position is None else float(position), self.row["id"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """The text, its tokens, and the rows that it shows with their scores, in its order."""

    text: str
    tokens: int
    shown: tuple[tuple[float, Row], ...]


def build(scored: Sequence[tuple[float, Row]], *, words: Sequence[str], budget: int, count: Count) -> Context:
    """Choose the best, add what makes them readable, and put them in order.

    Args:
        scored: What was found with its scores, best first.
        words: The query's telling words.
        budget: Tokens at most.
        count: Counts the tokens of a text.
    """
    found = [(score, row) for score, row in scored if row["kind"] in KEYS and (row["content"] or "").strip()]
    pieces = _pieces(found, words=words, budget=budget, count=count)
    chosen = _chosen(pieces, budget=budget, count=count)
    while chosen:
        text = _text(chosen)
        used = count(text)
        if used <= budget:
            return Context(
                text=text, tokens=used, shown=tuple((piece.score, piece.row) for piece in sorted(chosen, key=lambda one: one.place))
            )
        chosen.remove(min(chosen, key=lambda piece: piece.share))
    return Context(text="", tokens=0, shown=())


def _pieces(scored: Sequence[tuple[float, Row]], *, words: Sequence[str], budget: int, count: Count) -> list[Piece]:
    best = max((score for score, _ in scored), default=0.0)
    worth = [(score / best) ** SOFTNESS if best > 0 else 1.0 for score, _ in scored]
    total = sum(worth) or 1.0
    pieces = []
    for value, (score, row) in zip(worth, scored, strict=True):
        said = _said(row, words=words, most=int(budget * SHARE), count=count)
        if said:
            line = _line(row, said)
            held = frozenset(map(stem, tokens(said)))
            pieces.append(Piece(row=row, score=score, share=value / total, line=line, size=count(line) + 1, words=held))
    return pieces


def _chosen(pieces: Sequence[Piece], *, budget: int, count: Count) -> list[Piece]:
    """The pieces that are worth most, each judged by what it adds to those that are there already."""
    left = {piece.place: piece for piece in pieces}
    alike = dict.fromkeys(left, 0.0)  # to the one that is most like it of those that are chosen
    chosen, heads = list[Piece](), set[str]()
    room, covered = budget, 0.0
    while left and covered < ENOUGH:
        best = left.pop(max(left, key=lambda place: _gain(left[place], alike[place])))
        covered += best.share
        for piece in [best, *_readable(best, list(left.values()), chosen)]:
            head = _head(piece.row)
            cost = piece.size + (0 if head in heads else count(head) + 2)
            if cost <= room:
                heads.add(head)
                room -= cost
                chosen.append(piece)
                if left.pop(piece.place, None):
                    covered += piece.share
                for place, other in left.items():
                    alike[place] = max(alike[place], _alike(other, piece))
    return chosen


def _gain(piece: Piece, alike: float) -> float:
    """Maximal marginal relevance (Carbonell and Goldstein 1998), for each token the more the shorter it is."""
    return piece.share * (1 - ALIKE * alike) / math.sqrt(piece.size)


def _alike(one: Piece, other: Piece) -> float:
    same = SAME_TALK if one.row["conversation_id"] == other.row["conversation_id"] else 0.0
    either = len(one.words | other.words)
    return max(same, len(one.words & other.words) / either if either else 1.0)


def _readable(piece: Piece, left: Sequence[Piece], chosen: Sequence[Piece]) -> list[Piece]:
    """Short messages that stand between this one and another, and the question that it answers."""
    talk, position, _ = piece.place
    there = {one.place[1] for one in chosen if one.place[0] == talk}
    found = []
    for one in left:
        other_talk, place, _ = one.place
        if other_talk == talk and one.size <= BETWEEN:
            between = abs(place - position) == 1 and 2 * place - position in there
            asked = place == position - 1 and (one.row["content"] or "").rstrip().endswith("?")
            if between or asked:
                found.append(one)
    return found


def _said(row: Row, *, words: Sequence[str], most: int, count: Count) -> str:
    """The text of a row, whole, or the whole sentences that have most of the query's words; lines stay lines."""
    text = (row["content"] or "").strip()
    if not row.get("cut") and count(text) <= most:
        return _tidy(text)
    sentences = _sentences(text)
    if row.get("cut"):
        sentences = sentences[:-1]  # it ends where the text was cut off
    parts = [text[start:end] for start, end in sentences]
    sizes = [count(part) + 1 for part in parts]
    asked = frozenset(map(stem, words))
    held = [asked & frozenset(map(stem, tokens(part))) for part in parts]
    start, end = max(
        (_run(sizes, start, most) for start in range(len(parts))),
        key=lambda run: (len(frozenset[str]().union(*held[slice(*run)])), run[1] - run[0], -run[0]),
        default=(0, 0),
    )
    if start == end:
        return ""
    said = _tidy(text[sentences[start][0] : sentences[end - 1][1]])
    return f"{'… ' * (start > 0)}{said}{' …' * (end < len(parts) or bool(row.get('cut')))}"


def _sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences and the lines of a text begin and end."""
    ends = [found.span() for found in _SENTENCE.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    spans = zip(starts, [*(start for start, _ in ends), len(text)], strict=True)
    return [(start, end) for start, end in spans if text[start:end].strip()]


def _tidy(text: str) -> str:
    """The same lines without what is blank; all but the first are indented, so that none looks like a heading or a citation."""
    return "\n  ".join(line.rstrip() for line in text.splitlines() if line.strip())


def _run(sizes: Sequence[int], start: int, most: int) -> tuple[int, int]:
    """The sentences from one on that fit."""
    end, room = start, most - 4  # for the marks of what is left out
    while end < len(sizes) and sizes[end] <= room:
        room -= sizes[end]
        end += 1
    return start, end


def _line(row: Row, said: str) -> str:
    author = row.get("author")
    named = f"{author}: " if author and not said.startswith(f"{author}:") else ""
    return f"[{key(row)}] {named}{said}"


def key(row: Row) -> str:
    """The citation of a row: stable, made of what it is and its id."""
    own = row["document_id"] if row["kind"] == "document" else row["id"]
    return f"{KEYS[row['kind']]}:{own}"


def _head(row: Row) -> str:
    day = "" if row["timestamp_ms"] is None else datetime.fromtimestamp(row["timestamp_ms"] / 1000, UTC).strftime("%Y-%m-%d ")
    return f"# {day}{row['conversation_id'] or row.get('document_id') or ''}".rstrip()


def _text(chosen: Sequence[Piece]) -> str:
    """Passages in order, each under the day and the conversation that it is from."""
    ordered = sorted(chosen, key=lambda one: one.place)
    passages = groupby(ordered, key=lambda piece: _head(piece.row))
    return "\n\n".join("\n".join([head, *(piece.line for piece in passage)]) for head, passage in passages)
