"""The types of names: the recognizer's labels, corrected by the cues of the whole text."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mcp_context_persistence.ingest.extraction.name_cues import FAIR, STRONG, Votes, find_votes
from mcp_context_persistence.ingest.extraction.named_entities import is_capitalized
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import STRONG_SIGNS

_TYPES = frozenset({"person", "organization", "location", "product", "event", "work", "group"})
_PRIOR_OF_WORD, _PRIOR_OF_WORDS, _PRIOR_OF_RULE = 1.5, 3.0, 4.0
_LEGAL_FORMS = get_words("legal_forms")
_WORDS_BEFORE_NAMES = (
    get_words("words_around_name") | get_words("person_titles") | get_words("contact_verbs")
)
_COMMON_WORDS = (
    get_words("generic_nouns")
    | get_words("empty_modifiers")
    | get_words("never_names")
    | _WORDS_BEFORE_NAMES
)
_NAME_TAGS = frozenset({"NNP", "NNPS"})
_MAX_TOKENS = 5


def retype_names(parsed: ParsedText, spans: Sequence[EntityCandidate]) -> list[EntityCandidate]:
    """Return spans with the type that the cues at all mentions of a name agree on.

    Only spans of the recognizer and of the rules for people and places change.
    """
    token_spans = [_find_tokens(parsed, span) if _may_change(span) else None for span in spans]
    votes: defaultdict[str, Votes] = defaultdict(lambda: defaultdict(float))
    is_about_software = _is_about_software(parsed)
    for span, token_span in zip(spans, token_spans, strict=True):
        if token_span is not None:
            name = parsed.text[span.start : span.end]
            new_votes = _find_votes(parsed, *token_span, is_about_software=is_about_software)
            for kind, weight in new_votes.items():
                votes[name][kind] += weight
    return [
        span
        if token_span is None
        else _retype(span, votes[parsed.text[span.start : span.end]], token_span)
        for span, token_span in zip(spans, token_spans, strict=True)
    ]


def _is_about_software(parsed: ParsedText) -> bool:
    return any(is_unambiguous for *_, is_unambiguous in parsed.term_spans) or not (
        STRONG_SIGNS.isdisjoint(parsed.lowers)
    )


def _find_votes(parsed: ParsedText, first: int, end: int, *, is_about_software: bool) -> Votes:
    votes = find_votes(parsed, first, end)
    if not is_about_software:
        votes.pop("technology", None)
    return votes


def _may_change(span: EntityCandidate) -> bool:
    return span.type in _TYPES and (
        span.tier == Tier.NAMED_ENTITY or span.rule.startswith(("rule:person", "rule:place"))
    )


def _retype(span: EntityCandidate, votes: Votes, token_span: tuple[int, int]) -> EntityCandidate:
    if not votes:
        return span
    totals = defaultdict(float, votes)
    if span.tier != Tier.NAMED_ENTITY:
        totals[span.type] += _PRIOR_OF_RULE
    else:
        totals[span.type] += (
            _PRIOR_OF_WORDS if token_span[1] - token_span[0] > 1 else _PRIOR_OF_WORD
        )
    best = max(totals, key=lambda kind: (totals[kind], kind == span.type))
    return span if best == span.type else span._replace(type=best, rule=f"context:{best}")


def find_unlabeled_names(parsed: ParsedText, occupied: bytearray) -> Iterator[EntityCandidate]:
    """Yield capitalized names that nothing has recognized, where a cue gives them a type."""
    is_about_software = _is_about_software(parsed)
    for first, end in _find_runs(parsed, occupied):
        votes = _find_votes(parsed, first, end, is_about_software=is_about_software)
        if not votes:
            continue
        kind = max(votes, key=lambda name: votes[name])
        if votes[kind] >= (FAIR if end - first > 1 else STRONG):
            yield EntityCandidate(
                parsed.starts[first],
                parsed.ends[end - 1],
                kind,
                f"context:{kind}",
                Tier.NAMED_ENTITY,
            )


def _find_runs(parsed: ParsedText, occupied: bytearray) -> Iterator[tuple[int, int]]:
    """Yield runs of capitalized tokens outside of other names."""
    token = 0
    while token < len(parsed.words):
        end = token
        while (
            end < len(parsed.words)
            and parsed.tags[end] in _NAME_TAGS
            and is_capitalized(parsed, end)
            and not occupied[parsed.starts[end]]
        ):
            end += 1
        first = token
        while first < end - 1 and parsed.lowers[first] in _WORDS_BEFORE_NAMES:
            first += 1
        if first < end <= first + _MAX_TOKENS and not (
            end == first + 1 and parsed.lowers[first] in _COMMON_WORDS
        ):
            yield first, end
        token = max(end, token + 1)


def _find_tokens(parsed: ParsedText, span: EntityCandidate) -> tuple[int, int] | None:
    """Return the tokens of a span, None where it does not begin and end with tokens."""
    try:
        return parsed.starts.index(span.start), parsed.ends.index(span.end) + 1
    except ValueError:
        return None
