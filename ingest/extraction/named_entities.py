"""Proper names: trimmed spans of spaCy's recognizer, and rules for organizations and projects."""

import re
from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.dependency_grammar import find_name_end
from mcp_context_persistence.ingest.extraction.results import EntityCandidate, ParsedText, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words

# Labels of spaCy and the types of entities for them.
ENTITY_TYPES = {
    "PERSON": "person",
    "ORG": "organization",
    "GPE": "location",
    "LOC": "location",
    "FAC": "location",
    "PRODUCT": "product",
    "EVENT": "event",
    "WORK_OF_ART": "work",
    "LAW": "law",
    "LANGUAGE": "language",
    "NORP": "group",
}

_ORGANIZATION_ENDINGS = get_words("organization_endings")
_NOUNS_AFTER_PROJECT = get_words("nouns_after_project")
_REPOSITORIES = frozenset({"repo", "repository", "codebase", "project"})
_WORDS_AROUND_NAME = get_words("words_around_name")
_QUESTION_VERBS = get_words("question_verbs")
_REQUESTS = get_words("requests")
_SENTENCE_STARTS = _WORDS_AROUND_NAME | get_words("sentence_openers") | _QUESTION_VERBS | _REQUESTS
_TITLES = get_words("person_titles")
_KIN_NOUNS = get_words("kin_nouns")
_GENERIC_NOUNS = get_words("generic_nouns")
_NOUN_LABELS = frozenset({"ROOT", "compound", "nmod", "amod", "dep", "npadvmod", "advmod"})
_AFTER_NAMES = frozenset({"'s", "’s", ",", "!", "?", ".", "(", "-", "–", ":", "and", "/"})
_NEVER_NAMES = get_words("never_names")
# "Die Firma Kern Logistik": a short text does not always show that it is not in English.
_WORDS_BEFORE_FIRMS = frozenset({"die", "der", "das", "den", "dem", "firma"})
_LEGAL_FORMS = get_words("legal_forms")
_NOT_IN_NAME_TAGS = frozenset({"PRP", "PRP$", "WP", "DT", "IN", "CC", "UH", "MD"})
_BEFORE_ORGANIZATION_TAGS = frozenset({"NNP", "NNPS", "NN", "NNS", "JJ"})
_EDGE_CHARACTERS = " \t\n\"'“”‘’`.,;:!?()[]{}<>*_~-–—…"
_NOT_IN_NAMES = re.compile(
    r"[;|/\\<>=+*#@~^_{}\[\]→⇒…–—%$]+|\s*\n\s*|\S*://\S*|\S+@\S+|w/|\S*\d+[:/]\S*"
)
_SHORT_PARTS = re.compile(r"[A-Z]{1,2}/[A-Z]{1,2}")  # "AC/DC"; longer parts are two names
_CODE = re.compile(r"[{};=]|\w\(")  # in what the recognizer takes for a name
_ELIDED = re.compile(r"(?:d|dell)['’]\w", re.IGNORECASE)  # "d'Arc"
# "Karl von der Heide". "De" and "la" are in names of places, too.
SURNAME_PARTICLES = frozenset({"van", "von", "vom", "della", "dos", "ter", "bin", "bint", "ibn"})
_PARTICLES = SURNAME_PARTICLES | {"de", "da", "di", "du", "del", "des", "la", "le", "al", "el"}
_JOINTS = frozenset({"and", "or", "to"})
_PLACE_PREPOSITIONS = frozenset({"in", "from", "between", "to", "near"})
_PARENTHESES = frozenset("()")
_DASHES = frozenset({"-", "--"})
# Without articles that names begin with, such as "Le" and "La".
FOREIGN_ARTICLES = frozenset(
    {"das", "der", "die", "een", "ein", "eine", "het", "las", "los", "une"}
)
_FINAL_DOT = re.compile(r"(?:\b[A-Z]|Inc|Corp|Ltd|Co|Jr|Sr|Bros)\.$")


def find_named_entities(parsed: ParsedText) -> list[EntityCandidate]:
    """Return the candidates of the recognizer and of the rules for organizations and projects."""
    candidates = [*_find_organizations(parsed), *_find_projects(parsed)]
    for first, end, label in parsed.entity_spans:
        if kind := ENTITY_TYPES.get(label):
            for first_token, end_token in _split_span(parsed, first, end, kind):
                candidates += _trim_entity_span(parsed, first_token, end_token, kind)
    return candidates


def _extend_name(parsed: ParsedText, end: int) -> int:
    """Return the end of a person's name with the surname that a particle begins.

    For example: "Joan d'Arc", "José Sánchez del Río".
    """
    following = parsed.words[end] if end < len(parsed.words) else ""
    if _ELIDED.match(following):
        return end + 1
    surname = end
    while surname < len(parsed.words) and parsed.words[surname] in _PARTICLES:
        surname += 1
    has_surname = end < surname < len(parsed.words) and parsed.words[surname].istitle()
    return surname + 1 if has_surname else end


def _find_first_name(parsed: ParsedText, first: int, end: int) -> int:
    """Return the start of a surname with particles, with the first name before it.

    The recognizer leaves it out in "Joost ter Horst".
    """
    name = first - 1
    is_first_name = (
        first > 0
        and not SURNAME_PARTICLES.isdisjoint(parsed.lowers[first : end - 1])
        and parsed.tags[name] == "NNP"
        and parsed.deps[name] == "compound"
        and parsed.words[name].istitle()
        and parsed.lowers[name] not in _SENTENCE_STARTS | _TITLES
        and not any(start <= name < stop for start, stop, _ in parsed.entity_spans)
    )
    return name if is_first_name else first


def _split_span(parsed: ParsedText, first: int, end: int, kind: str) -> Iterator[tuple[int, int]]:
    """Yield the names in a span: "Faro and Basel", "Kiel to Oslo" are two."""
    if kind == "organization" and _SHORT_PARTS.fullmatch("".join(parsed.words[first:end])):
        yield first, end
        return
    for start, stop in split_at_signs(parsed, first, end):
        joints = [
            token
            for token in range(start + 1, stop - 1)
            if parsed.lowers[token] in _JOINTS
            and parsed.words[token - 1][0].isupper()
            and parsed.words[token + 1][0].isupper()
        ]
        may_split = kind in {"person", "location"} or (
            kind == "organization"
            and start > 0
            and parsed.lowers[start - 1] in _PLACE_PREPOSITIONS
            and parsed.words[stop - 1] not in _ORGANIZATION_ENDINGS
        )
        if len(joints) == 1 and (may_split or parsed.lowers[joints[0]] == "to"):
            yield start, joints[0]
            yield joints[0] + 1, stop
        else:
            yield start, stop


def split_at_signs(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a span of tokens between signs that no name has, such as ``;`` or ``/``.

    A dash with spaces around it separates where a full name is before it.
    """
    start = first
    for token in range(first, end):
        word = parsed.words[token]
        if (
            _NOT_IN_NAMES.fullmatch(word)
            or (word in _DASHES and _is_dash(parsed, start, token))
            or (word in _PARENTHESES and "Pty" not in parsed.words[token - 1 : token + 2])
        ):
            if start < token:
                yield start, token
            start = token + 1
    if start < end:
        yield start, end


def _is_dash(parsed: ParsedText, start: int, token: int) -> bool:
    """Return whether a hyphen is a dash after two capitalized words or more."""
    return (
        token > start + 1
        and parsed.ends[token - 1] < parsed.starts[token]
        and all(word[0].isupper() for word in parsed.words[token - 2 : token])
    )


def _trim_entity_span(parsed: ParsedText, first: int, end: int, kind: str) -> list[EntityCandidate]:
    """Return a candidate for a span of the recognizer, or an empty list where it is no name."""
    if (
        kind != "work"
        and first < end - 1
        and parsed.lowers[first] in _QUESTION_VERBS | _REQUESTS
        and (first == _find_sentence_start(parsed, first) or parsed.words[first - 1] == ":")
    ):
        first += 1
    while first < end and (
        parsed.lowers[first] in _WORDS_AROUND_NAME
        or (end - first > 1 and is_opening_adverb(parsed, first))
        or (end - first > 1 and parsed.lowers[first] in _TITLES and kind != "work")
    ):
        first += 1
    end = _trim_end(parsed, first, end, kind)
    if first == end:
        return []
    if kind == "organization":
        end = find_name_end(parsed, end)
    if kind == "person" and (
        parsed.lowers[first] in FOREIGN_ARTICLES
        or (end - first == 1 and first and parsed.lowers[first - 1] == "the")
    ):
        return []  # The name of a person has no article.
    if kind == "person" and parsed.text[parsed.ends[end - 1] - 1] == "!":
        kind = "organization"  # "Yahoo! was bought"
    if kind == "person":
        first, end = _find_first_name(parsed, first, end), _extend_name(parsed, end)
    start, stop = trim_span(parsed.text, parsed.starts[first], parsed.ends[end - 1])
    name = parsed.text[start:stop]
    if (
        name.lower() in _NEVER_NAMES
        or name in _LEGAL_FORMS
        or len(name) < 2
        or not any(character.isalpha() for character in name)
        or not (any(map(str.isupper, name)) or name[0].isalpha())
        or "\n" in name
        or _CODE.search(name)
    ):
        return []
    if end - first == 1 and _is_common_word(parsed, first):
        return []
    rule = f"ner:{kind}" if " " in name else f"ner:{kind}_word"  # A single word is less certain.
    return [EntityCandidate(start, stop, kind, rule, Tier.NAMED_ENTITY)]


def _trim_end(parsed: ParsedText, first: int, end: int, kind: str) -> int:
    """Return the end of a name without "'s", "and" and prepositions: "Hetzner in".

    A genitive that no noun follows is a part of the name of a firm: "lunch at Nando's".
    """
    while first < end and (
        parsed.lowers[end - 1] in {"'s", "’s", "'", "and", "&"}
        or (parsed.tags[end - 1] in {"IN", "TO"} and parsed.words[end - 1].islower())
    ):
        end -= 1
    is_in_name = (
        first < end < len(parsed.words)
        and kind == "organization"
        and parsed.lowers[end] in {"'s", "’s"}
        and parsed.tags[end] == "POS"
        and parsed.deps[end - 1] != "poss"
    )
    return end + 1 if is_in_name else end


def _is_common_word(parsed: ParsedText, i: int) -> bool:
    """Return whether a word has a capital initial only because a sentence or a line begins there.

    It stands for a relative ("Mum"), or neither acts nor is owned or spoken to.
    """
    if parsed.lowers[i] in _KIN_NOUNS:
        return True
    following = parsed.words[i + 1 : i + 2]
    return (
        i == _find_sentence_start(parsed, i)
        and parsed.deps[i] in _NOUN_LABELS
        and bool(following)
        and following[0] not in _AFTER_NAMES
        and "\n" not in following[0]
        and parsed.words.count(parsed.words[i]) == 1
        and (
            parsed.tags[parsed.heads[i]] not in {"NNP", "NNPS"}
            or parsed.lowers[i] in _GENERIC_NOUNS
        )
    )


def trim_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span without quotes and punctuation at its ends.

    The dot of an initial or of "Inc." is kept.
    """
    while start < end and text[start] in _EDGE_CHARACTERS:
        start += 1
    while (
        start < end
        and text[end - 1] in _EDGE_CHARACTERS
        and not (text[end - 1] == "." and _FINAL_DOT.search(text, start, end))
    ):
        end -= 1
    return start, end


def is_capitalized(parsed: ParsedText, i: int) -> bool:
    """Return whether a token has a capital initial and is no pronoun, article or the like."""
    word = parsed.words[i]
    return (
        word[0].isupper()
        and parsed.tags[i] not in _NOT_IN_NAME_TAGS
        and (len(word) > 1 or word == "A")
    )


def is_opening_adverb(parsed: ParsedText, i: int) -> bool:
    """Return whether a word is the adverb that begins a sentence: "Thankfully Acme uses it"."""
    return (
        parsed.tags[i] == "RB"
        and parsed.lowers[i].endswith("ly")
        and i == _find_sentence_start(parsed, i)
    )


def _find_organizations(parsed: ParsedText) -> list[EntityCandidate]:
    """Return capitalized words that end in a word such as Institute, Trust or Labs."""
    candidates = []
    for i, word in enumerate(parsed.words):
        if word in _ORGANIZATION_ENDINGS and any(
            following in _REPOSITORIES for following in parsed.lowers[i + 1 : i + 2]
        ):
            continue  # "The Type Checkers repo" names a project.
        if word not in _ORGANIZATION_ENDINGS or (
            i + 1 < len(parsed.words) and is_capitalized(parsed, i + 1) and not word.endswith(".")
        ):
            continue
        first = find_name_start(parsed, i)
        while first < i and parsed.lowers[first] in _WORDS_BEFORE_FIRMS:
            first += 1
        if first < i and not (
            first == i - 1 and parsed.tags[first] not in _BEFORE_ORGANIZATION_TAGS
        ):
            candidates.append(
                EntityCandidate(
                    parsed.starts[first],
                    parsed.ends[i],
                    "organization",
                    "rule:organization",
                    Tier.NAME_RULE,
                )
            )
    return candidates


def _find_sentence_start(parsed: ParsedText, i: int) -> int:
    """Return the first token of the sentence of token `i`."""
    return next((first for first, end in parsed.sentences if first <= i < end), 0)


def find_name_start(parsed: ParsedText, i: int) -> int:
    """Return the first token of the capitalized run that ends before or at token `i`."""
    sentence_start = _find_sentence_start(parsed, i)
    first = i
    while first > sentence_start:
        previous = first - 1
        if is_capitalized(parsed, previous) and not (
            previous == sentence_start
            and (parsed.lowers[previous] in _SENTENCE_STARTS or is_opening_adverb(parsed, previous))
        ):
            first = previous
        elif (
            parsed.words[previous] == "-"
            and previous > sentence_start
            and is_capitalized(parsed, previous - 1)
        ):
            first = previous - 1
        elif (name := _skip_particles(parsed, previous)) >= sentence_start:
            first = name
        else:
            break
    return first


def _skip_particles(parsed: ParsedText, i: int) -> int:
    """Return the name before the particles that end at a token: "Ineke" of "Ineke de Boer".

    It is -1 where there is none.
    """
    token = i
    while token > 0 and parsed.lowers[token] in _PARTICLES:
        token -= 1
    is_name = token < i and is_capitalized(parsed, token) and parsed.tags[token] == "NNP"
    return token if is_name else -1


def _find_projects(parsed: ParsedText) -> list[EntityCandidate]:
    """Return capitalized words before a word such as "project" or "repo".

    These are two or more words or a word with a hyphen; a noun may follow them.
    """
    people = {
        token
        for first, end, label in parsed.entity_spans
        if label == "PERSON"
        for token in range(first, end)
    }
    candidates = []
    for i, lower in enumerate(parsed.lowers):
        if lower not in _NOUNS_AFTER_PROJECT or i == 0:
            continue
        if not is_capitalized(parsed, i - 1):
            follows_noun = (
                i > 1
                and parsed.tags[i - 1] == "NN"
                and parsed.deps[i - 1] == "compound"
                and is_capitalized(parsed, i - 2)
            )
            last = i - 2
            first = find_name_start(parsed, last) if follows_noun else i
            is_project = (
                first < last
                and first not in people
                and parsed.words[last] not in _ORGANIZATION_ENDINGS
            )
        else:
            last = i - 1
            first = find_name_start(parsed, last)
            is_project = first < last or lower in _REPOSITORIES or lower == "initiative"
        if is_project and not parsed.words[first].isupper():
            candidates.append(
                EntityCandidate(
                    parsed.starts[first],
                    parsed.ends[last],
                    "project",
                    "rule:project",
                    Tier.NAME_RULE,
                )
            )
    return candidates
