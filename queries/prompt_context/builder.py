"""A text for a prompt: the best of what a search finds, in readable passages with citations, within a budget of tokens."""

import calendar
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, groupby

from mcp_context_persistence.kg.driver.statement import Row
from mcp_context_persistence.queries.prompt_context import redundancy, sentences
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.ranker import SOFTNESS

Count = Callable[[Sequence[str]], Sequence[int]]

KEYS = {"message": "m", "decision": "d", "document": "doc"}
ENOUGH = 0.97  # of all relevance; what comes after it is noise
PAYS = 0.24  # of all relevance, which a whole budget of such texts must have at least for one of them to be shown
FREE = 250  # tokens of a budget beyond which less will do: the more there are, the less each of them is worth
DIVERSITY = 0.1
ALIKE = 0.7  # how much of its worth a text loses that repeats another one
SHARE = 1 / 3  # of the budget, which one message may take if its sentences are not longer
BRIEF = 20  # tokens of an answer that is not understood without its question
BETWEEN = 20  # tokens of a message that is shown because it stands between two others, or asks what the next one answers
LINE, PASSAGE = "\n", "\n\n"
_MONTHS = tuple(calendar.month_name)


@dataclass(frozen=True, kw_only=True)
class Around:
    """What the graph knows of what was found, by the citation of each.

    Attributes:
        entities: What it mentions or is about.
        evidence: For a decision the last message of its conversation that tells of it: `position` and `timestamp_ms`.
    """

    entities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    evidence: Mapping[str, Row] = field(default_factory=dict)


NOTHING = Around()


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A text that can be shown.

    Attributes:
        row: What it is from.
        score: As the search gave it.
        share: Of all relevance that was found, 0 to 1.
        line: As it is shown, with its citation.
        size: Tokens of the line and its end.
        heads: The heading above it, where its conversation has none yet, and where it has one of another day.
        head_sizes: Their tokens, with the ends of lines around them.
        said: What it says, for comparing.
        community: The label of what it talks about.
        position: Its place in the conversation, None for what goes by its time.
        moment: When it was said, milliseconds since 1970 UTC.
        talk: The conversation or the document.
    """

    row: Candidate
    score: float
    share: float
    line: str
    size: int
    heads: tuple[str, str]
    head_sizes: tuple[int, int]
    said: redundancy.TextTerms
    community: str | None
    position: float | None
    moment: int | None
    talk: str

    def cost(self, shown: Mapping[str, set[str]]) -> int:
        """Tokens that it takes after what is shown already: headings by conversation."""
        heads = shown.get(self.talk)
        if heads is None:
            return self.size + self.head_sizes[0]
        return self.size + (0 if self.heads[1] in heads else self.head_sizes[1])


@dataclass(frozen=True, kw_only=True)
class Context:
    """The text, its tokens, and the rows that it shows with their scores, in its order."""

    text: str
    tokens: int
    shown: tuple[tuple[float, Candidate], ...]


def showable(scored: Iterable[tuple[float, Candidate]]) -> list[tuple[float, Candidate]]:
    """What has a text of its own to show: messages, decisions and documents."""
    return [
        (score, row) for score, row in scored if row.kind in KEYS and (row.content or "").strip()
    ]


def likely(
    scored: Sequence[tuple[float, Candidate]], *, budget: int
) -> list[tuple[float, float, Candidate]]:
    """Scores, shares of all relevance, and rows of what may be worth a token each, and of what stands beside it; the others are never shown."""
    best = max((score for score, _ in scored), default=0.0)
    worth = [(score / best) ** SOFTNESS if best > 0 else 1.0 for score, _ in scored]
    total = sum(worth) or 1.0
    shares = [value / total for value in worth]
    least = min(_least(budget), max(shares, default=0.0))
    near = {
        (row.conversation_id, row.position + step)
        for share, (_, row) in zip(shares, scored, strict=True)
        if share >= least and row.position is not None
        for step in (-1, 0, 1)
    }
    return [
        (score, share, row)
        for share, (score, row) in zip(shares, scored, strict=True)
        if share >= least or (row.conversation_id, row.position) in near
    ]


def build(
    scored: Sequence[tuple[float, Candidate]],
    *,
    words: Sequence[str],
    budget: int,
    count: Count,
    around: Around = NOTHING,
    diversity: float = DIVERSITY,
) -> Context:
    """Choose the best, add what makes them readable, and put them in order.

    Args:
        scored: What was found with its scores, best first.
        words: The query's telling words.
        budget: Tokens at most.
        count: Counts the tokens of texts.
        around: What the graph knows of it.
        diversity: How much alike two texts of one conversation, or of one community of entities, are at least, 0 to 1.
    """
    pieces = _pieces(
        likely(showable(scored), budget=budget),
        words=words,
        budget=budget,
        count=count,
        around=around,
    )
    chosen = _chosen(pieces, budget=budget, diversity=diversity)
    while chosen:
        ordered = _ordered(chosen)
        text = _text(ordered)
        (used,) = count([text])
        if used <= budget:
            return Context(
                text=text, tokens=used, shown=tuple((piece.score, piece.row) for piece in ordered)
            )
        chosen.remove(min(chosen, key=lambda piece: piece.share))
    return Context(text="", tokens=0, shown=())


def _pieces(
    found: Sequence[tuple[float, float, Candidate]],
    *,
    words: Sequence[str],
    budget: int,
    count: Count,
    around: Around,
) -> list[Piece]:
    """What can be shown, with its tokens; all are counted together."""
    said = [sentences.split(_content(row), cut=row.is_cut) for _, _, row in found]
    heads = [_heads(row, around) for _, _, row in found]
    named = [
        (f"[{key(row)}] ", f"[{key(row)}] {by}: ") if (by := _by(row)) else (f"[{key(row)}] ",)
        for _, _, row in found
    ]
    size = _counted(
        count,
        [LINE, PASSAGE, sentences.OMITTED, *chain(*(one.parts for one in said), *heads, *named)],
    )
    line, mark = size[LINE], size[sentences.OMITTED]
    groups = redundancy.communities(
        {key(row): around.entities.get(key(row), ()) for _, _, row in found}
    )
    pieces = []
    for (score, share, row), one, names, titles in zip(found, said, named, heads, strict=True):
        costs = [size[part] for part in one.parts]
        least = max(map(size.__getitem__, names)) + line
        most, room = int(budget * SHARE) - least, budget - least
        first, last = sentences.best(one, costs, words=words, most=most, room=room, mark=mark)
        if first < last:
            shown = one.between(first, last)
            name = names[0] if shown.startswith(f"{_by(row)}:") else names[-1]
            pieces.append(
                Piece(
                    row=row,
                    score=score,
                    share=share,
                    line=name + shown,
                    size=size[name]
                    + sum(costs[first:last])
                    + line * (1 + shown.count("\n"))
                    + mark * one.marks(first, last),
                    heads=titles,
                    head_sizes=(size[titles[0]] + size[PASSAGE], size[titles[1]] + size[PASSAGE]),
                    said=redundancy.said(shown),
                    community=groups.get(key(row)),
                    position=_position(row, around),
                    moment=_moment(row, around),
                    talk=_talk(row),
                )
            )
    return pieces


def _least(budget: int) -> float:
    """The share of all relevance that a token must bring."""
    return PAYS * min(1.0, math.sqrt(FREE / budget)) / budget


def _counted(count: Count, texts: Iterable[str]) -> dict[str, int]:
    """The tokens of each text, without what the counter adds to every text."""
    different = list(dict.fromkeys(["", *texts]))
    sizes = count(different)
    return {text: max(0, size - sizes[0]) for text, size in zip(different, sizes, strict=True)}


def _chosen(pieces: Sequence[Piece], *, budget: int, diversity: float) -> list[Piece]:
    """The pieces that are worth most for each token, each judged by what it adds to those that are there already."""
    left = dict(enumerate(pieces))
    alike = dict.fromkeys(left, 0.0)  # to the one that is most like it of those that are chosen
    chosen, heads = list[Piece](), dict[str, set[str]]()
    room, covered = budget, 0.0

    def pays(place: int) -> float:
        """Maximal marginal relevance (Carbonell and Goldstein 1998), for each token."""
        return left[place].share * (1 - ALIKE * alike[place]) / max(1, left[place].cost(heads))

    while left and covered < ENOUGH:
        place = max(left, key=pays)
        if chosen and pays(place) < _least(budget):
            break
        if left[place].cost(heads) > room:
            del left[place]
            continue
        for number in [place, *_readable(left[place], left, chosen)]:
            cost = left[number].cost(heads)
            if cost <= room:
                piece = left.pop(number)
                room -= cost
                covered += piece.share
                heads.setdefault(piece.talk, set()).add(piece.heads[1])
                chosen.append(piece)
                for other, one in left.items():
                    alike[other] = max(alike[other], _alike(one, piece, diversity))
    return chosen


def _alike(one: Piece, other: Piece, diversity: float) -> float:
    together = one.talk == other.talk or (
        one.community is not None and one.community == other.community
    )
    return max(diversity * together, redundancy.repeated(one.said, other.said))


def _readable(piece: Piece, left: Mapping[int, Piece], chosen: Sequence[Piece]) -> list[int]:
    """Short messages that stand between this one and another, and the question that it answers where it says little by itself."""
    if piece.position is None:
        return []
    there = {one.position for one in chosen if one.talk == piece.talk}
    found = []
    for number, one in left.items():
        if one.talk == piece.talk and one.position is not None and one.size <= BETWEEN:
            between = (
                abs(one.position - piece.position) == 1
                and 2 * one.position - piece.position in there
            )
            asked = (
                one.position == piece.position - 1
                and piece.size <= BRIEF
                and (one.row.content or "").rstrip().endswith("?")
            )
            if between or asked:
                found.append(number)
    return found


def key(row: Candidate) -> str:
    """The citation of a row, made of what it is and its id, in which brackets and percent signs are percent-encoded (RFC 3986)."""
    own = row.shown_id
    return f"{KEYS[row['kind']]}:{own.replace('%', '%25').replace('[', '%5B').replace(']', '%5D')}"


def _content(row: Candidate) -> str:
    """Its text; the outcome of a decision is left out where the context says the same."""
    text: str = row.content.strip()
    context, _, outcome = text.rpartition("\n")
    return context if row.kind == "decision" and outcome in context else text


def _by(row: Candidate) -> str:
    """Who said it; of a decision that nobody has accepted, that it is none yet."""
    return row.author or ("Proposed decision" if row.status == "proposed" else "")


def _talk(row: Candidate) -> str:
    return row.conversation_id or row.document_id or ""


def _moment(row: Candidate, around: Around) -> int | None:
    """When it was said: a decision when its evidence was."""
    evidence = around.evidence.get(key(row))
    return evidence["timestamp_ms"] if evidence else row.timestamp_ms


def _position(row: Candidate, around: Around) -> float | None:
    """Its place in the conversation: a decision comes after its evidence."""
    evidence = around.evidence.get(key(row))
    return evidence["position"] + 0.5 if evidence else row.position


def _heads(row: Candidate, around: Around) -> tuple[str, str]:
    """The headings of a conversation and of its further days; a conversation whose id is in the citation anyway is not named."""
    moment, talk = _moment(row, around), _talk(row)
    day = (
        ""
        if moment is None
        else f"{(on := datetime.fromtimestamp(moment / 1000, UTC)).day} {_MONTHS[on.month]} {on.year}"
    )
    named = f"{row.id}:".startswith(f"{talk}:") or row.document_id == talk
    return f"# {day if named and day else f'{day} {talk}'.strip()}", f"# {day or talk}"


def _ordered(chosen: Sequence[Piece]) -> list[Piece]:
    """By conversation, the oldest first, and in each by position; what has none comes after what was said before it."""
    first: dict[str, float] = {}
    for piece in chosen:
        moment = float("inf") if piece.moment is None else piece.moment
        first[piece.talk] = min(moment, first.get(piece.talk, moment))
    return sorted(
        chosen, key=lambda one: (first[one.talk], one.talk, _place(one, chosen), key(one.row))
    )


def _place(piece: Piece, chosen: Sequence[Piece]) -> float:
    if piece.position is not None:
        return piece.position
    if piece.moment is None:
        return float("inf")
    before = (
        one.position
        for one in chosen
        if one.talk == piece.talk
        and one.position is not None
        and one.moment is not None
        and one.moment <= piece.moment
    )
    return max(before, default=-1.0) + 0.5


def _text(ordered: Sequence[Piece]) -> str:
    """Passages under the conversation and the day that they are from."""
    passages, named = list[str](), set[str]()
    for (talk, day), pieces in groupby(ordered, key=lambda piece: (piece.talk, piece.heads[1])):
        found = list(pieces)
        passages.append(
            LINE.join(
                [day if talk in named else found[0].heads[0], *(piece.line for piece in found)]
            )
        )
        named.add(talk)
    return PASSAGE.join(passages)
