"""Selection of what is spread over a whole history: the best of each of its parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TypeVar

from mcp_context_persistence.queries.search.candidate import Candidate, ScoredCandidate

T = TypeVar("T")

_WITHOUT_HISTORY = frozenset({"entity", "conversation"})  # kinds


def spread_over_time(
    ordered: Sequence[T],
    *,
    relevance: Callable[[T], float],
    time: Callable[[T], float],
    segments: int,
) -> Iterator[T]:
    """Yield items in the order in which they are worth showing.

    The history is divided into parts, half by the number of items and half by time: a busy week has
    several parts, and so has a quiet year. The relevance of an item is divided by one more than the
    number of items of its part that come before it, so that no part takes all places; but relevant
    items of one part come before items of another one that are hardly relevant.

    Args:
        ordered: The items, the oldest first.
        relevance: How relevant each is; not negative.
        time: The time of each.
        segments: The number of parts.
    """
    queues: list[list[T]] = [[] for _ in range(segments)]
    first, duration = (
        (time(ordered[0]), time(ordered[-1]) - time(ordered[0])) if ordered else (0, 0)
    )
    for index, item in enumerate(ordered):
        share = index / len(ordered)
        elapsed = (time(item) - first) / duration if duration else share
        number = int(segments * (share + elapsed) / 2)
        queues[min(number, segments - 1)].append(item)
    queues = [sorted(queue, key=relevance, reverse=True) for queue in queues if queue]
    counts = [0] * len(queues)
    for _ in ordered:
        best = max(
            (number for number, queue in enumerate(queues) if counts[number] < len(queue)),
            key=lambda number: relevance(queues[number][counts[number]]) / (1 + counts[number]),
        )
        yield queues[best][counts[best]]
        counts[best] += 1


def order_by_time(
    scored: Sequence[ScoredCandidate],
    *,
    segments: int,
    limit: int,
    changes: Mapping[str, Candidate],
) -> list[ScoredCandidate]:
    """Return the results that are spread over the whole history, the oldest first.

    Entities and conversations belong to no point of time and are left out. A superseded message is
    only returned together with the later one.

    Args:
        scored: The scored candidates.
        segments: The number of parts of the history.
        limit: How many to return.
        changes: For each id of a superseded message the message that supersedes it.
    """
    ordered = sorted(
        (
            entry
            for entry in scored
            if entry.candidate.kind not in _WITHOUT_HISTORY
            and entry.candidate.timestamp_ms is not None
        ),
        key=_time_order,
    )
    spread = spread_over_time(
        ordered,
        relevance=attrgetter("score"),
        time=lambda entry: float(entry.candidate.timestamp_ms or 0),
        segments=segments,
    )
    entries = {_identify(entry): entry for entry in ordered}
    selected: dict[tuple[str, str], ScoredCandidate] = {}
    for entry in spread:
        keys = [_identify(entry)]
        if entry.candidate.kind == "message" and entry.candidate.id in changes:
            keys.append(("message", changes[entry.candidate.id].id))
        new_keys = [key for key in keys if key not in selected]
        if len(selected) + len(new_keys) <= limit:
            selected |= {key: entries[key] for key in new_keys}
    return sorted(selected.values(), key=_time_order)


def _identify(entry: ScoredCandidate) -> tuple[str, str]:
    return entry.candidate.kind, entry.candidate.id


def _time_order(entry: ScoredCandidate) -> tuple[int, str, int, str]:
    candidate = entry.candidate
    return (
        candidate.timestamp_ms or 0,
        candidate.conversation_id or "",
        candidate.position or 0,
        candidate.id,
    )
