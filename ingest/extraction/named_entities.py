"""People, organisations, places and other proper names: the recogniser's spans, trimmed, and two rules of our own."""

import re

from mcp_context_persistence.ingest.extraction.code_tokens import NAMED_BY_RULE, RECOGNISED
from mcp_context_persistence.ingest.extraction.lexicons import words
from mcp_context_persistence.ingest.extraction.results import Found, Parsed

TYPES = {
    "PERSON": "person", "ORG": "organization", "GPE": "location", "LOC": "location", "FAC": "location", "PRODUCT": "product",
    "EVENT": "event", "WORK_OF_ART": "work", "LAW": "law", "LANGUAGE": "language", "NORP": "group",
}  # fmt: skip

_ORGANISATIONS = words("ends of organisations")
_JOINING = frozenset({"of", "and", "&", "for", "the", "de"})
_PROJECTS = words("nouns after a project")
_REPOSITORIES = frozenset({"repo", "repository", "codebase", "project"})
_EDGE_WORDS = words("words around a name")
_ASKING = words("verbs that begin a question")
_BEFORE = _EDGE_WORDS | _ASKING
_NEVER = words("never a name")  # fmt: skip
_TRIM = " \t\n\"'“”‘’`.,;:!?()[]{}<>*_~-–—…"
_KEPT_DOT = re.compile(r"(?:\b[A-Z]|Inc|Corp|Ltd|Co|Jr|Sr|Bros)\.$")


def named(parsed: Parsed) -> list[Found]:
    """Candidates from the recogniser and from the rules for organisations and projects."""
    found = [*_organisations(parsed), *_projects(parsed)]
    for first, last, label in parsed.named:
        kind = TYPES.get(label)
        if kind is not None:
            found += _recognised(parsed, first, last, kind)
    return found


def _recognised(parsed: Parsed, first: int, last: int, kind: str) -> list[Found]:
    if (
        kind != "work"
        and first < last - 1
        and parsed.lowers[first] in _ASKING
        and first == _beginning(parsed, first)
    ):
        first += 1
    while first < last and parsed.lowers[first] in _EDGE_WORDS:
        first += 1
    while first < last and parsed.lowers[last - 1] in {"'s", "’s", "'", "and", "&"}:
        last -= 1
    if first == last:
        return []
    if kind == "person" and last - first == 1 and first and parsed.lowers[first - 1] == "the":
        return []  # no person has an article
    start, end = trimmed(parsed.text, parsed.starts[first], parsed.ends[last - 1])
    name = parsed.text[start:end]
    if (
        name.lower() in _NEVER
        or len(name) < 2
        or not any(c.isalpha() for c in name)
        or "\n" in name
    ):
        return []
    rule = f"ner:{kind}" if " " in name else f"ner:{kind}_word"  # a single word is far less certain
    return [Found(start, end, kind, rule, RECOGNISED)]


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without quotes and punctuation at its ends; the point of an initial or of "Inc." stays."""
    while start < end and text[start] in _TRIM:
        start += 1
    while (
        start < end
        and text[end - 1] in _TRIM
        and not (text[end - 1] == "." and _KEPT_DOT.search(text, start, end))
    ):
        end -= 1
    return start, end


def capital(parsed: Parsed, i: int) -> bool:
    """Whether a token may be part of a name: it begins with a capital, and is no pronoun, article or the like."""
    word = parsed.words[i]
    return (
        word[0].isupper()
        and parsed.tags[i] not in {"PRP", "PRP$", "WP", "DT", "IN", "CC", "UH", "MD"}
        and (len(word) > 1 or word == "A")
    )


def _organisations(parsed: Parsed) -> list[Found]:
    """Capitalised words that end in a word such as Institute, Trust or Labs."""
    found = []
    for i, word in enumerate(parsed.words):
        if word in _ORGANISATIONS and any(
            after in _REPOSITORIES for after in parsed.lowers[i + 1 : i + 2]
        ):
            continue  # "the Type Checkers repo" names a project
        if word not in _ORGANISATIONS or (
            i + 1 < len(parsed.words) and capital(parsed, i + 1) and not word.endswith(".")
        ):
            continue
        first = walk_left(parsed, i)
        if first < i and not (
            first == i - 1 and parsed.tags[first] not in {"NNP", "NNPS", "NN", "NNS", "JJ"}
        ):
            found.append(
                Found(
                    parsed.starts[first],
                    parsed.ends[i],
                    "organization",
                    "rule:organization",
                    NAMED_BY_RULE,
                )
            )
    return found


def _beginning(parsed: Parsed, i: int) -> int:
    """First token of the sentence of token `i`."""
    return next((first for first, last in parsed.sentences if first <= i < last), 0)


def walk_left(parsed: Parsed, i: int) -> int:
    """First token of the capitalised run that ends before or at token `i`."""
    begin = _beginning(parsed, i)
    first = i
    while first > begin:
        previous = first - 1
        if capital(parsed, previous) and not (
            previous == begin and parsed.lowers[previous] in _BEFORE
        ):
            first = previous
        elif parsed.words[previous] == "-" and previous > begin and capital(parsed, previous - 1):
            first = previous - 1
        else:
            break
    return first


def _projects(parsed: Parsed) -> list[Found]:
    """Two or more capitalised words, or one with a hyphen, before a word such as "project" or "repo", or one noun ahead of it."""
    people = {
        i for first, last, label in parsed.named if label == "PERSON" for i in range(first, last)
    }
    found = []
    for i, lower in enumerate(parsed.lowers):
        if lower not in _PROJECTS or i == 0:
            continue
        if not capital(parsed, i - 1):
            noun = (
                i > 1
                and parsed.tags[i - 1] == "NN"
                and parsed.deps[i - 1] == "compound"
                and capital(parsed, i - 2)
            )
            first = walk_left(parsed, i - 2) if noun else i
            if (
                first < i - 2
                and first not in people
                and parsed.words[i - 2] not in _ORGANISATIONS
                and not parsed.words[first].isupper()
            ):
                found.append(
                    Found(
                        parsed.starts[first],
                        parsed.ends[i - 2],
                        "project",
                        "rule:project",
                        NAMED_BY_RULE,
                    )
                )
            continue
        cued = lower in _REPOSITORIES or lower == "initiative"
        first = walk_left(parsed, i - 1)
        if (first < i - 1 or cued) and not parsed.words[first].isupper():
            found.append(
                Found(
                    parsed.starts[first],
                    parsed.ends[i - 1],
                    "project",
                    "rule:project",
                    NAMED_BY_RULE,
                )
            )
    return found


def short_names(text: str, spans: list[Found]) -> list[Found]:
    """The spans, with the short form of a full name in the same text given that name's type.

    "Marcus" after "Marcus Bell" is a person. "Kestrel", who acts, is an organisation beside "Kestrel Robotics".
    """
    people: set[str] = set()
    given: set[str] = set()
    firms: set[str] = set()
    for span in spans:
        parts = text[span.start : span.end].split()
        if len(parts) > 1 and span.type == "person":
            people.update(parts)
            given.add(parts[0])
        elif len(parts) > 1 and span.type == "organization" and parts[-1] in _ORGANISATIONS:
            firms.add(parts[0])
    return [_as_in_full(span, text[span.start : span.end], people, given, firms) for span in spans]


def _as_in_full(
    span: Found, name: str, people: set[str], given: set[str], firms: set[str]
) -> Found:
    if span.tier == RECOGNISED and (
        (span.type in {"organization", "product", "work"} and name in people)
        or (span.type == "location" and name in given)
    ):
        return span._replace(type="person", rule="rule:short_name")
    if span.rule == "rule:person" and name in firms and name not in people:
        return span._replace(type="organization", rule="rule:short_name")
    return span
