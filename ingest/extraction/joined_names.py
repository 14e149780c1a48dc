"""Two people whose names "&" joins: "Ada Lind & Tom Berg", "Ada & Tom got married".

The recognizer takes both names for the name of one firm.
"""

from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.named_entities import is_capitalized
from mcp_context_persistence.ingest.extraction.relation_verbs import inflect_verbs
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words

_NOT_IN_PEOPLE = (
    get_words("organization_endings")
    | get_words("organization_last_words")
    | get_words("organization_first_words")
    | get_words("legal_forms")
    | get_words("place_endings")
)
_NOT_FIRST = get_words("words_around_name") | get_words("sentence_openers") | get_words("requests")
_VERBS = inflect_verbs(get_words("people_only_verbs") | {"marry", "engage", "divorce"})
_NAME_TAGS = frozenset({"NNP", "NNPS"})
_LONGEST = 3  # words of a name


def find_joined_names(parsed: ParsedText) -> Iterator[EntityCandidate]:
    """Yield both names: two full names, or two first names whose verb only people have."""
    for joint, word in enumerate(parsed.words):
        if word != "&":
            continue
        names = (_find_name_before(parsed, joint), _find_name_after(parsed, joint))
        sizes = {end - first for first, end in names}
        if max(sizes) > _LONGEST or 0 in sizes or _is_in_longer_name(parsed, names):
            continue
        if min(sizes) > 1 or (sizes == {1} and _has_verb_of_people(parsed, joint - 1)):
            for first, end in names:
                yield EntityCandidate(
                    parsed.starts[first],
                    parsed.ends[end - 1],
                    "person",
                    "ner:person" if end - first > 1 else "ner:person_word",
                    Tier.NAME_RULE,
                )


def _find_name_before(parsed: ParsedText, joint: int) -> tuple[int, int]:
    first = joint
    while first > 0 and _is_part(parsed, first - 1) and joint - first <= _LONGEST:
        first -= 1
    while first < joint - 1 and parsed.lowers[first] in _NOT_FIRST:
        first += 1
    return first, joint


def _find_name_after(parsed: ParsedText, joint: int) -> tuple[int, int]:
    end = joint + 1
    while end < len(parsed.words) and _is_part(parsed, end) and end - joint <= _LONGEST + 1:
        end += 1
    return joint + 1, end


def _is_part(parsed: ParsedText, token: int) -> bool:
    word = parsed.words[token]
    return is_capitalized(parsed, token) and parsed.tags[token] in _NAME_TAGS and not word.isupper()


def _is_in_longer_name(parsed: ParsedText, names: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    """Return whether names are parts of the name of a firm: "Lind, Berg & Holm", "Lind & Co."."""
    (first, _), (_, end) = names
    words = parsed.words[first:end]
    outside = [*parsed.words[max(0, first - 1) : first], *parsed.words[end : end + 1]]
    is_listed = first > 1 and parsed.words[first - 1] == "," and _is_part(parsed, first - 2)
    if is_listed:  # "Ada Lind, Tom Berg & Ines Holm" are people.
        before, _ = _find_name_before(parsed, first - 1)
        is_listed = first - 1 - before == 1 or min(end - start for start, end in names) == 1
    return "&" in outside or is_listed or not _NOT_IN_PEOPLE.isdisjoint(words)


def _has_verb_of_people(parsed: ParsedText, name: int) -> bool:
    verb = parsed.heads[name]
    return parsed.deps[name] in {"nsubj", "nsubjpass"} and parsed.lowers[verb] in _VERBS
