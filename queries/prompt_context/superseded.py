"""Messages that later ones supersede: marks for both, and never the old one alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from mcp_context_persistence.queries.prompt_context.excerpts import (
    Excerpt,
    GraphFacts,
    citation_key,
    format_day,
)
from mcp_context_persistence.queries.search.candidate import Candidate


def add_changes(
    facts: GraphFacts, candidates: Iterable[Candidate], changes: Mapping[str, Candidate]
) -> GraphFacts:
    """Return facts with the marks of messages that changed.

    Args:
        facts: What the graph says.
        candidates: The texts that may be shown.
        changes: For each id of a superseded message the message that supersedes it.
    """
    messages = {candidate.id: candidate for candidate in candidates if candidate.kind == "message"}
    marks, later_keys = dict[str, str](), dict[str, str]()
    superseded: defaultdict[str, list[str]] = defaultdict(list)
    for earlier_id, later in changes.items():
        if earlier_id in messages:
            key, later_key = citation_key(messages[earlier_id]), citation_key(later)
            later_keys[key] = later_key
            superseded[later_key].append(key)
            day = "" if later.timestamp_ms is None else f" on {format_day(later.timestamp_ms)}"
            marks[key] = f"superseded by {later_key}{day}"
    for later in changes.values():
        key = citation_key(later)
        if key not in marks and key in superseded and later.timestamp_ms is not None:
            day = format_day(later.timestamp_ms)
            marks[key] = f"{day}, supersedes {', '.join(superseded[key])}"
    return replace(facts, marks=marks, later=later_keys)


def find_changed(excerpt: Excerpt, remaining: Mapping[int, Excerpt]) -> list[int]:
    """Return the indexes of the messages that an excerpt supersedes, or that supersede it."""
    key = citation_key(excerpt.candidate)
    return [
        index
        for index, message in remaining.items()
        if message.later_key == key or citation_key(message.candidate) == excerpt.later_key
    ]


def leave_out_alone(excerpts: Iterable[Excerpt]) -> list[Excerpt]:
    """Return the excerpts without superseded ones whose later message is not among them."""
    selected = list(excerpts)
    keys = {citation_key(excerpt.candidate) for excerpt in selected}
    return [excerpt for excerpt in selected if not excerpt.later_key or excerpt.later_key in keys]
