"""The types of names: the recognizer's labels, corrected by the cues of the whole text."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from mcp_context_persistence.ingest.extraction.name_cues import FAIR, STRONG, Votes, find_votes
from mcp_context_persistence.ingest.extraction.name_scores import CLASSES
from mcp_context_persistence.ingest.extraction.named_entities import (
    FOREIGN_ARTICLES,
    is_capitalized,
)
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import STRONG_SIGNS

_TYPES = frozenset({"person", "organization", "location", "product", "event", "work", "group"})
_CORE_TYPES = frozenset({"person", "organization", "location"})
_PRIOR_OF_WORD, _PRIOR_OF_WORDS, _PRIOR_OF_RULE = 1.5, 3.0, 4.0
# The scores of a name know its label, so the label alone counts less beside them.
_PRIOR_BESIDE_SCORES = 0.1
_SCORE_WEIGHT = 4.0  # of a score of 1, as much as a strong cue
_NO_NAME, _SURE_NAME = 0.8, 0.6  # of the scores: above it a label is dropped, a word is a name
# Of a score: above it a name is technology also in a text that has no other sign of software.
_SURE_TECHNOLOGY = 0.5
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
_CONJUNCTIONS = frozenset({"and", "or", "&"})
_LIST_SIGNS = _CONJUNCTIONS | {","}
_NAME_TAGS = frozenset({"NNP", "NNPS"})
_TYPES_WITHOUT_ARTICLE = {
    "the": ("person",),
    "a": ("person", "location"),
    "an": ("person", "location"),
}
_MAX_TOKENS = 5


def retype_names(parsed: ParsedText, spans: Sequence[EntityCandidate]) -> list[EntityCandidate]:
    """Return spans with the type that the cues at all mentions of a name agree on.

    Only spans of the recognizer and of the rules for people and places change. A span of the
    recognizer that is probably no name, by the scores, is left out, unless a cue gives its type.
    """
    token_spans = [_find_tokens(parsed, span) if _may_change(span) else None for span in spans]
    votes: defaultdict[str, Votes] = defaultdict(lambda: defaultdict(float))
    scores: defaultdict[str, Votes] = defaultdict(lambda: defaultdict(float))
    is_about_software = _is_about_software(parsed)
    for span, token_span in zip(spans, token_spans, strict=True):
        if token_span is not None:
            name = parsed.text[span.start : span.end]
            for total, new_votes in (
                (votes, _find_votes(parsed, *token_span, is_about_software=is_about_software)),
                (scores, _read_scores(parsed, *token_span, is_about_software=is_about_software)),
            ):
                for kind, weight in new_votes.items():
                    total[name][kind] += weight
    if parsed.name_scores is not None:
        for spans_of_list in _find_lists(parsed, spans):
            _share_scores(parsed, spans_of_list, scores)
    return [
        span
        if token_span is None
        else _retype(
            span,
            votes[parsed.text[span.start : span.end]],
            scores[parsed.text[span.start : span.end]],
            token_span,
        )
        for span, token_span in zip(spans, token_spans, strict=True)
        if token_span is None or not _is_no_name(parsed, span, token_span, votes)
    ]


def _find_lists(
    parsed: ParsedText, spans: Sequence[EntityCandidate]
) -> Iterator[list[EntityCandidate]]:
    """Yield the names of each list of three or more with a conjunction, which are of one type."""
    names, has_conjunction, end = list[EntityCandidate](), False, -1
    for span in sorted(spans):
        token_span = _find_tokens(parsed, span) if span.type in _TYPES else None
        between = parsed.lowers[end : token_span[0]] if names and token_span else []
        if not between or not _LIST_SIGNS.issuperset(between):
            if len(names) > 2 and has_conjunction:
                yield names
            names, has_conjunction = [], False
        if token_span:
            names.append(span)
            has_conjunction = has_conjunction or not _CONJUNCTIONS.isdisjoint(between)
            end = token_span[1]
    if len(names) > 2 and has_conjunction:
        yield names


def _share_scores(
    parsed: ParsedText, spans: Sequence[EntityCandidate], scores: Mapping[str, Votes]
) -> None:
    """Add the mean scores of some names to those of each of them.

    The type of a name that has no scores, because a rule found it, is certain.
    """
    names = {parsed.text[span.start : span.end]: span for span in spans}
    means: Votes = defaultdict(float)
    for name, span in names.items():
        for kind, score in (scores.get(name) or {span.type: _SCORE_WEIGHT}).items():
            means[kind] += score / len(names)
    for name in names:
        if name in scores:
            for kind, mean in means.items():
                scores[name][kind] += mean


def _is_about_software(parsed: ParsedText) -> bool:
    return any(is_unambiguous for *_, is_unambiguous in parsed.term_spans) or not (
        STRONG_SIGNS.isdisjoint(parsed.lowers)
    )


def _find_votes(parsed: ParsedText, first: int, end: int, *, is_about_software: bool) -> Votes:
    votes = find_votes(parsed, first, end)
    if not is_about_software:
        votes.pop("technology", None)
    return votes


def _read_scores(parsed: ParsedText, first: int, end: int, *, is_about_software: bool) -> Votes:
    """Return the mean scores of some tokens as votes; those of no name count as "other"."""
    votes: Votes = defaultdict(float)
    if parsed.name_scores is not None:
        for kind, score in zip(
            CLASSES, parsed.name_scores[first:end].mean(axis=0).tolist(), strict=True
        ):
            if kind != "technology" or is_about_software or score > _SURE_TECHNOLOGY:
                votes[kind if kind in _TYPES or kind == "technology" else "other"] += (
                    _SCORE_WEIGHT * score
                )
    for kind in _find_excluded_types(parsed, first, end):
        votes.pop(kind, None)
    return votes


def _find_excluded_types(parsed: ParsedText, first: int, end: int) -> tuple[str, ...]:
    """Return the types that a single name after an article does not have.

    "The Prius" is no person, and "a Fendt" no place either. Other nouns may follow: "a Berlin bar".
    """
    if first == 0 or end != first + 1 or parsed.deps[first] == "compound":
        return ()
    return _TYPES_WITHOUT_ARTICLE.get(parsed.lowers[first - 1], ())


def _score_as_name(parsed: ParsedText, first: int, end: int) -> float:
    """Return how likely some tokens are a name, 1 where they have no scores."""
    scores = parsed.name_scores
    return 1.0 if scores is None else 1.0 - float(scores[first:end, 0].mean())


def _is_no_name(
    parsed: ParsedText,
    span: EntityCandidate,
    token_span: tuple[int, int],
    votes: Mapping[str, Votes],
) -> bool:
    return (
        span.tier == Tier.NAMED_ENTITY
        and not votes[parsed.text[span.start : span.end]]
        and _score_as_name(parsed, *token_span) < 1 - _NO_NAME
    )


def _may_change(span: EntityCandidate) -> bool:
    return span.type in _TYPES and (
        span.tier == Tier.NAMED_ENTITY or span.rule.startswith(("rule:person", "rule:place"))
    )


def _retype(
    span: EntityCandidate, votes: Votes, scores: Votes, token_span: tuple[int, int]
) -> EntityCandidate:
    if not votes and not scores:
        return span
    totals = defaultdict(float, votes)
    for kind, weight in scores.items():
        if kind != "other":
            totals[kind] += weight
        elif span.type not in _CORE_TYPES:
            totals[span.type] += weight
    if span.tier != Tier.NAMED_ENTITY:
        totals[span.type] += _PRIOR_OF_RULE
    elif scores:
        totals[span.type] += _PRIOR_BESIDE_SCORES
    else:
        totals[span.type] += (
            _PRIOR_OF_WORDS if token_span[1] - token_span[0] > 1 else _PRIOR_OF_WORD
        )
    best = max(totals, key=lambda kind: (totals[kind], kind == span.type))
    return span if best == span.type else span._replace(type=best, rule=f"context:{best}")


def find_unlabeled_names(parsed: ParsedText, occupied: bytearray) -> Iterator[EntityCandidate]:
    """Yield capitalized names that nothing has recognized, where a cue or score gives a type."""
    is_about_software = _is_about_software(parsed)
    for first, end in _find_runs(parsed, occupied):
        votes = _find_votes(parsed, first, end, is_about_software=is_about_software)
        is_sure = max(votes.values(), default=0) >= (FAIR if end - first > 1 else STRONG)
        if parsed.name_scores is not None:
            scores = _read_scores(parsed, first, end, is_about_software=is_about_software)
            is_sure = is_sure or _score_as_name(parsed, first, end) > _SURE_NAME
            for kind, weight in scores.items():
                votes[kind] += weight
            votes.pop("other", None)
        if is_sure and votes:
            kind = max(votes, key=lambda name: votes[name])
            yield EntityCandidate(
                parsed.starts[first],
                parsed.ends[end - 1],
                kind,
                f"context:{kind}",
                Tier.NAMED_ENTITY,
            )


def _find_runs(parsed: ParsedText, occupied: bytearray) -> Iterator[tuple[int, int]]:
    """Yield runs of capitalized tokens outside of other names.

    A run that begins with an article of another language, such as "Der Arzt", is a noun.
    """
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
        is_common = end == first + 1 and (
            parsed.lowers[first] in _COMMON_WORDS or parsed.words[first] in _LEGAL_FORMS
        )
        if (
            first < end <= first + _MAX_TOKENS
            and not is_common
            and parsed.lowers[first] not in FOREIGN_ARTICLES
        ):
            yield first, end
        token = max(end, token + 1)


def _find_tokens(parsed: ParsedText, span: EntityCandidate) -> tuple[int, int] | None:
    """Return the tokens of a span, None where it does not begin and end with tokens."""
    try:
        return parsed.starts.index(span.start), parsed.ends.index(span.end) + 1
    except ValueError:
        return None
