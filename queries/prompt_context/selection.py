"""Selection of excerpts within a token budget, by relevance and redundancy."""

import math
from collections.abc import Mapping, Sequence

from mcp_context_persistence.queries.prompt_context import redundancy
from mcp_context_persistence.queries.prompt_context.excerpts import Excerpt
from mcp_context_persistence.queries.prompt_context.superseded import find_changed, leave_out_alone

MAX_RELEVANCE = 0.97  # of all relevance, after which the selection ends
# Share of all relevance that a full budget must have if all of its texts were like a selected one.
MIN_RELEVANCE = 0.24
# Beyond so many tokens the required relevance falls, because further texts are worth less.
FULL_PRICE_TOKENS = 250
REDUNDANCY_PENALTY = 0.7  # share of its relevance that a text loses if it repeats another one
SHORT_ANSWER_TOKENS = 20  # of an answer that is not understood without its question
CONNECTING_TOKENS = 20  # of a message between two selected ones, or of a question before an answer


def required_share(budget: int) -> float:
    """Return the share of all relevance that a text must bring for each token."""
    return MIN_RELEVANCE * min(1.0, math.sqrt(FULL_PRICE_TOKENS / budget)) / budget


def select_excerpts(excerpts: Sequence[Excerpt], *, budget: int, diversity: float) -> list[Excerpt]:
    """Select the excerpts with the highest value for each token, within the budget.

    This is maximal marginal relevance (Carbonell and Goldstein 1998) for each token: the value of
    an excerpt falls with its similarity to the selected ones. Connecting messages follow an
    excerpt, and so do the messages that supersede it, without which it is left out, or that it
    supersedes.

    Args:
        excerpts: The excerpts.
        budget: The token budget.
        diversity: The least similarity of two texts of one source or community, 0 to 1.
    """
    remaining = dict(enumerate(excerpts))
    similarity = dict.fromkeys(remaining, 0.0)  # to the most similar selected excerpt
    selected, headings = list[Excerpt](), dict[str, set[str]]()
    free_tokens, covered = budget, 0.0

    def value_per_token(index: int) -> float:
        excerpt = remaining[index]
        value = excerpt.share * (1 - REDUNDANCY_PENALTY * similarity[index])
        return value / max(1, excerpt.cost(headings))

    while remaining and covered < MAX_RELEVANCE:
        best = max(remaining, key=value_per_token)
        if selected and value_per_token(best) < required_share(budget):
            break
        if remaining[best].cost(headings) > free_tokens:
            del remaining[best]
            continue
        changed = find_changed(remaining[best], remaining)
        connecting = _find_connecting(remaining[best], remaining, selected)
        for index in dict.fromkeys([best, *changed, *connecting]):
            cost = remaining[index].cost(headings)
            if cost <= free_tokens:
                excerpt = remaining.pop(index)
                free_tokens -= cost
                covered += excerpt.share
                headings.setdefault(excerpt.source_id, set()).add(excerpt.headings[1])
                selected.append(excerpt)
                for other_index, other_excerpt in remaining.items():
                    similarity[other_index] = max(
                        similarity[other_index], _similarity(other_excerpt, excerpt, diversity)
                    )
    return leave_out_alone(selected)


def _similarity(excerpt: Excerpt, selected: Excerpt, diversity: float) -> float:
    """Return how much of an excerpt a selected one repeats, at least `diversity` if related."""
    is_related = excerpt.source_id == selected.source_id or (
        excerpt.community is not None and excerpt.community == selected.community
    )
    return max(diversity * is_related, redundancy.repetition(excerpt.terms, selected.terms))


def _find_connecting(
    excerpt: Excerpt, remaining: Mapping[int, Excerpt], selected: Sequence[Excerpt]
) -> list[int]:
    """Find short messages that make an excerpt readable.

    These are the messages between it and a selected one, and the question that a short answer
    answers.
    """
    if excerpt.position is None:
        return []
    selected_positions = {item.position for item in selected if item.source_id == excerpt.source_id}
    indexes = []
    for index, message in remaining.items():
        if (
            message.source_id != excerpt.source_id
            or message.position is None
            or message.tokens > CONNECTING_TOKENS
        ):
            continue
        is_between = (
            abs(message.position - excerpt.position) == 1
            and 2 * message.position - excerpt.position in selected_positions
        )
        is_question = (
            message.position == excerpt.position - 1
            and excerpt.tokens <= SHORT_ANSWER_TOKENS
            and (message.candidate.content or "").rstrip().endswith("?")
        )
        if is_between or is_question:
            indexes.append(index)
    return indexes
