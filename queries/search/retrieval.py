"""The legs of a search: by meaning in the vector index, by words in the fulltext index. How far each looks, and when it looks further."""

from dataclasses import dataclass, replace
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Run, Statement
from mcp_context_persistence.kg.errors import StaleStateError
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.kg.vector_spaces import INDEX, PROPERTY, VectorState
from mcp_context_persistence.queries.search import score_fusion
from mcp_context_persistence.queries.search.filters import FIRST_MS, LAST_MS, Filters
from mcp_context_persistence.queries.search.query_terms import query, required
from mcp_context_persistence.queries.search.recipes import Recipe
from mcp_context_persistence.queries.temporal.query_dates import TimeRange

NEAREST, WORDED = Recipe.nearest, Recipe.worded  # best hits of each leg, at least
BESIDE = 2  # places from a hit, up to which the cosine of the very next ones is enough
CHARACTERS = 8_000  # of each message, from which it is judged
WHOLE = 2**31 - 1
FEW = 0.5  # in a leg with a smaller share of messages others crowd them out
SCAN = 2_000  # nodes whose vectors are compared one by one when the index cannot filter them, 75 ms
SURELY = 100  # asked of the index where it filters: it finds the nearest of these less surely than without a condition
PASSAGES = 3  # of one document, by each arm
WIDER = 8  # how much further the next round looks
ROUNDS = 8


@dataclass(frozen=True, kw_only=True)
class QueryVector:
    """What is looked for by meaning.

    Attributes:
        numbers: `(dim,) float32`.
        vectors: Where the vectors of the same model are.
    """

    numbers: Any
    vectors: VectorState


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One round of a search: which legs run, and how far each looks.

    Attributes:
        hits: Messages among the hits of both legs that take part, at most.
        seeds: The best of them, so many, have their neighbours looked at, up to `reach` places beside them.
        judged: Whether the candidates bring what `queries.search.ranker` asks for.
        explain: Whether they bring the seeds that led to them.
        dated: Times in which the nearest messages are looked for besides.
        linked: Messages that take part besides, by their ids.
    """

    namespace: str
    filters: Filters
    arms: score_fusion.Arms
    words: tuple[str, ...]
    vector: QueryVector | None
    limit: int
    content: bool = True
    metadata: bool = False
    exact: bool = False
    scan: bool = False
    apart: bool = False
    texts_apart: bool = False
    nearest: int = NEAREST
    worded: int = WORDED
    hits: int = 0
    seeds: int = 0
    reach: int = 0
    judged: bool = False
    explain: bool = False
    dated: tuple[TimeRange, ...] = ()
    linked: tuple[str, ...] = ()
    seen: tuple[int, int] = (-1, -1)

    def statement(self) -> Statement[Row]:
        """The round as a statement."""
        given = self.filters
        dated = self._dated()
        more = NEAREST if dated else 0
        space = self.vector.vectors.active if self.vector else None
        return Statement(
            name="search/find",
            names={INDEX: space.index} if space else {},
            parameters={
                "batch": {
                    "namespace": self.namespace,
                    "vector": self.vector.numbers if self.vector else None,
                    "vectors": space.property_name if space else PROPERTY,
                    "index": space.index if space else INDEX,
                    "exact": self.exact,
                    **self._meaning(),
                    "scan": SCAN + 1,
                    "texts": self._texts(),
                    "nearest": self.nearest,
                    "looked": max(self.nearest, SURELY),
                    "worded": self.worded,
                    "dated": dated,
                    "linked": list(self.linked),
                    "judged": self.judged,
                    "explain": self.explain,
                    "hits": max(self.hits, self.limit) + more + len(self.linked),
                    "seeds": self.seeds + more if self.reach else 0,
                    "compared": self._compared(),
                    "reach": self.reach,
                    "characters": CHARACTERS if self.judged else WHOLE,
                    "groups": given.groups,
                    "bounded": given.bounded,
                    "start_ms": FIRST_MS if given.start_ms is None else given.start_ms,
                    "end_ms": LAST_MS if given.end_ms is None else given.end_ms,
                    "confidence_min": given.confidence_min or 0.0,
                    "meaning": self.arms.meaning,
                    "words": self.arms.words,
                    "least": score_fusion.LEAST,
                    "limit": self.limit,
                    "passages": PASSAGES,
                    "content": self.content,
                    "metadata": self.metadata,
                }
            },
            read=_read,
        )

    def _meaning(self) -> dict[str, Any]:
        """How the vector leg looks: without conditions but the namespace, by kind, by boxes, or at each node that has the facets."""
        legs: dict[str, Any] = {"open": False, "kinds": [], "boxes": [], "scans": []}
        if self.vector is None or not self.arms.meaning or not self.filters.vector_kinds:
            return legs
        if self.scan:
            groups = [
                [build_token("namespace", self.namespace)],
                *self.filters.groups,
                *self.filters.kind_group(),
            ]
            return legs | {"scans": [required(groups)]}
        if not self.filters.only_kinds:
            return legs | {"boxes": self.filters.boxes()[0]}
        if self.filters.kind_group() or self.apart:
            return legs | {"kinds": list(self.filters.vector_kinds)}
        return legs | {"open": True}

    def _compared(self) -> int:
        """How far from a hit messages are compared with the query's vector; -1 where meaning is not to count."""
        if not self.arms.meaning:
            return -1
        return 1 if self.reach <= BESIDE else self.reach

    def _dated(self) -> list[dict[str, Any]]:
        """Boxes of the times that the query names, in which the nearest messages are looked for, too."""
        if not self.dated:
            return []
        legs = self._meaning()
        if legs["scans"] or not (legs["open"] or legs["kinds"] or legs["boxes"]):
            return []
        boxes = [box for box in self.filters.boxes()[0] if box["kind"] == "message"]
        spans = [
            (box, max(box["start_ms"], span.start_ms), min(box["end_ms"], span.end_ms))
            for box in boxes
            for span in self.dated
        ]
        return [
            {**box, "start_ms": start, "end_ms": end} for box, start, end in spans if start <= end
        ]

    def _texts(self) -> list[str]:
        """The queries of the fulltext leg: one, or one for messages and one for the rest where others crowd messages out."""
        if not self.words or not self.arms.words:
            return []
        kinds = self.filters.kinds
        if not self.texts_apart:
            return [
                query(
                    self.namespace, [*self.filters.groups, *self.filters.kind_group()], self.words
                )
            ]
        parts = [["message"], [kind for kind in kinds if kind != "message"]]
        return [
            query(
                self.namespace, [*self.filters.groups, *self.filters.kind_group(part)], self.words
            )
            for part in parts
            if part
        ]

    def next(self, found: Row) -> "Plan | None":
        """The round to follow this one, None when nothing more can be found or nothing more is wanted."""
        changes = self._further_meaning(found) | self._further_words(found)
        if not changes:
            return None
        # To look by kind is no wider look: the same rows after it do not say that there are no more.
        seen = (
            -1 if "apart" in changes else found["meaning_rows"],
            -1 if "texts_apart" in changes else found["words_rows"],
        )
        return replace(self, **changes, seen=seen)

    def _further_meaning(self, found: Row) -> dict[str, Any]:
        if self.scan:
            return {"scan": False, "nearest": SCAN} if found["scanned"] > SCAN else {}
        rows, before = found["meaning_rows"], self.seen[0]
        if rows < self.nearest or rows == before:
            return {}
        mixed = not self.apart and self.filters.only_kinds and not self.filters.kind_group()
        if mixed and _crowded(found["meaning_messages"], found["meaning_kept"], NEAREST):
            return {"apart": True}
        return {"nearest": self.nearest * WIDER} if found["meaning_kept"] < self.limit else {}

    def _further_words(self, found: Row) -> dict[str, Any]:
        rows, before = found["words_rows"], self.seen[1]
        if rows < self.worded or rows == before:
            return {}
        mixed = not self.texts_apart and {"message", "entity"} <= set(self.filters.kinds)
        if mixed and _crowded(found["words_messages"], found["words_kept"], WORDED):
            return {"texts_apart": True}
        return {"worded": self.worded * WIDER} if found["words_kept"] < self.limit else {}


def _read(row: Row) -> Row:
    """The row with its messages, which came as lists, by the names of their columns; without what was deleted while it was read."""
    columns = row["columns"]
    messages = [
        {"kind": "message", **dict(zip(columns, one, strict=True))} for one in row["messages"]
    ]
    return {
        **row,
        "messages": [one for one in messages if there(one) and one["position"] is not None],
        "others": [one for one in row["others"] if there(one)],
    }


def there(row: Row) -> bool:
    """Whether it was there to the end: what is deleted while a statement runs has nulls from then on."""
    needed = {"message": "conversation_id", "document": "document_id"}.get(row["kind"], "kind")
    return row["id"] is not None and row[needed] is not None


def _crowded(messages: int, kept: int, leg: int) -> bool:
    return messages < FEW * leg and messages < FEW * kept


def look(run: Run, plan: Plan) -> Row:
    """Run a search, further and further until each leg has as many hits as are wanted or has seen all there is.

    Raises:
        StaleStateError: Another model's vectors are in use.
    """
    found = _seen(run, plan)
    for _ in range(ROUNDS):
        further = plan.next(found)
        if further is None:
            break
        plan = further
        found = _seen(run, plan)
    return found


def _seen(run: Run, plan: Plan) -> Row:
    found: Row = run(plan.statement())[0]
    if plan.vector and not plan.vector.vectors.is_current(found):
        raise StaleStateError
    return found
