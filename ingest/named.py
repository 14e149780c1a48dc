"""People, organisations, places and other proper names: the recogniser's spans, trimmed, and two rules of our own."""

import re

from ingest.patterns import NAMED_BY_RULE, RECOGNISED
from ingest.types import Found, Parsed
from ingest.verbs import base
from ingest.words import words

TYPES = {
    "PERSON": "person", "ORG": "organization", "GPE": "location", "LOC": "location", "FAC": "location", "PRODUCT": "product",
    "EVENT": "event", "WORK_OF_ART": "work", "LAW": "law", "LANGUAGE": "language", "NORP": "group",
}  # fmt: skip

_ORGANISATIONS = words("ends of organisations")
_JOINING = frozenset({"of", "and", "&", "for", "the", "de"})
_PROJECTS = words("nouns after a project")
_EDGE_WORDS = words("words around a name")
_NEVER = words("never a name")  # fmt: skip
_HUMAN = words("human verbs")
_ROLES = words("nouns of people")
_INSIDE = frozenset({"in", "near", "outside", "throughout", "downtown"})
_PEOPLE_DO = words("verbs of people")
_TRIM = " \t\n\"'“”‘’`.,;:!?()[]{}<>*_~-–—…"
_KEPT_DOT = re.compile(r"(?:\b[A-Z]|Inc|Corp|Ltd|Co|Jr|Sr|Bros)\.$")


def named(parsed: Parsed) -> list[Found]:
    """Candidates from the recogniser and from the rules for organisations and projects."""
    found = [*_organisations(parsed), *_projects(parsed), *_people(parsed)]
    for first, last, label in parsed.named:
        kind = TYPES.get(label)
        if kind is not None:
            found += _recognised(parsed, first, last, kind)
    return found


def _people(parsed: Parsed) -> list[Found]:
    """Names that the recogniser missed, or took for organisations, and that do what only people do: "Nadia Osei has lived here"."""
    labels = {i: label for first, last, label in parsed.named for i in range(first, last)}
    found = []
    for i, dep in enumerate(parsed.deps):
        if dep != "nsubj" or parsed.tags[i] != "NNP" or not _capital(parsed, i) or parsed.words[i].isupper():
            continue
        verb = base(parsed.lowers[parsed.heads[i]])
        first = _walk_left(parsed, i)
        kinds = {labels.get(k) for k in range(first, i + 1)}
        human = (kinds == {None} and verb in _PEOPLE_DO) or (kinds <= {None, "ORG", "GPE", "NORP", "PRODUCT"} and verb in _HUMAN)
        if (
            human
            and i - first < 3
            and parsed.lowers[i] not in _NEVER
            and parsed.lowers[first] not in _EDGE_WORDS
            and _lone(parsed, i)
        ):
            found.append(Found(parsed.starts[first], parsed.ends[i], "person", "rule:person", RECOGNISED - 1))
    return found


def _lone(parsed: Parsed, i: int) -> bool:
    return parsed.words[i].isalpha() and parsed.words[i] not in _ORGANISATIONS and parsed.words[i][1:].islower()


def _recognised(parsed: Parsed, first: int, last: int, kind: str) -> list[Found]:
    while first < last and parsed.lowers[first] in _EDGE_WORDS:
        first += 1
    while first < last and parsed.lowers[last - 1] in {"'s", "’s", "'", "and", "&"}:
        last -= 1
    if first == last:
        return []
    kind = _by_place(parsed, first, last, kind)
    start, end = trimmed(parsed.text, parsed.starts[first], parsed.ends[last - 1])
    name = parsed.text[start:end]
    if name.lower() in _NEVER or len(name) < 2 or not any(c.isalpha() for c in name) or "\n" in name:
        return []
    rule = f"ner:{kind}" if " " in name else f"ner:{kind}_word"  # a single word is far less certain
    return [Found(start, end, kind, rule, RECOGNISED)]


def _by_place(parsed: Parsed, first: int, last: int, kind: str) -> str:
    """The type that the words around a name speak for, where the recogniser took it for an organisation or the like."""
    if kind not in {"organization", "product", "work", "group"}:
        return kind
    capitals = all(
        parsed.words[i].isalpha() and parsed.words[i][0].isupper() and not parsed.words[i].isupper() for i in range(first, last)
    )
    if 1 < last - first < 4 and capitals and parsed.words[last - 1] not in _ORGANISATIONS and _has_role(parsed, first, last):
        return "person"
    if first and last - first == 1 and kind in {"organization", "group"} and not parsed.words[first].isupper():
        before, after = parsed.lowers[first - 1], parsed.lowers[last] if last < len(parsed.lowers) else "."
        if after == "district" or (before in _INSIDE and not (last < len(parsed.words) and _capital(parsed, last))):
            return "location"
    return kind


def _has_role(parsed: Parsed, first: int, last: int) -> bool:
    """Whether the name stands beside what only people are: "director Nadia Osei", "Nadia Osei, the new director"."""
    before = first - 2 if first > 1 and parsed.words[first - 1] == "," else first - 1
    if before >= 0 and parsed.lowers[before] in _ROLES:
        return True
    if last + 1 >= len(parsed.words) or parsed.words[last] != ",":
        return False
    if parsed.lowers[last + 1] not in {"the", "a", "an", "my", "our", "your", "his", "her", "their", "its"}:
        return False
    for i in range(last + 2, min(last + 7, len(parsed.words))):
        if parsed.words[i] in {",", "."}:
            return False
        if parsed.lowers[i] in _ROLES:
            return True
    return False


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without quotes and punctuation at its ends; the point of an initial or of "Inc." stays."""
    while start < end and text[start] in _TRIM:
        start += 1
    while start < end and text[end - 1] in _TRIM and not (text[end - 1] == "." and _KEPT_DOT.search(text, start, end)):
        end -= 1
    return start, end


def _capital(parsed: Parsed, i: int) -> bool:
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
        if word not in _ORGANISATIONS or (i + 1 < len(parsed.words) and _capital(parsed, i + 1) and not word.endswith(".")):
            continue
        first = _walk_left(parsed, i)
        if first < i and not (first == i - 1 and parsed.tags[first] not in {"NNP", "NNPS", "NN", "NNS", "JJ"}):
            found.append(Found(parsed.starts[first], parsed.ends[i], "organization", "rule:organization", NAMED_BY_RULE))
    return found


def _walk_left(parsed: Parsed, i: int) -> int:
    """First token of the capitalised run that ends before or at token `i`."""
    begin = next((first for first, last in parsed.sentences if first <= i < last), 0)
    first = i
    while first > begin:
        previous = first - 1
        if _capital(parsed, previous) and not (previous == begin and parsed.lowers[previous] in _EDGE_WORDS):
            first = previous
        elif parsed.words[previous] == "-" and previous > begin and _capital(parsed, previous - 1):
            first = previous - 1
        else:
            break
    return first


def _projects(parsed: Parsed) -> list[Found]:
    """Two or more capitalised words, or one with a hyphen, before a word such as "project" or "repo"."""
    found = []
    for i, lower in enumerate(parsed.lowers):
        if lower not in _PROJECTS or i == 0 or not _capital(parsed, i - 1):
            continue
        cued = lower in {"project", "initiative", "repo", "repository", "codebase"}
        first = _walk_left(parsed, i - 1)
        if (first < i - 1 or cued) and not parsed.words[first].isupper():
            found.append(Found(parsed.starts[first], parsed.ends[i - 1], "project", "rule:project", NAMED_BY_RULE))
    return found


def same_people(text: str, spans: list[Found]) -> list[Found]:
    """The spans, with the short form of a full name in the same text given that name's type: "Marcus" after "Marcus Bell"."""
    types: dict[str, str] = {}
    for span in spans:
        parts = text[span.start : span.end].split()
        if span.type == "person" and len(parts) > 1:
            types.update(dict.fromkeys(parts, span.type))
    return [
        span._replace(type=types[name], rule="rule:short_name")
        if span.tier == RECOGNISED and span.type in {"organization", "product", "work"} and types.get(name, span.type) != span.type
        else span
        for span, name in ((span, text[span.start : span.end]) for span in spans)
    ]
