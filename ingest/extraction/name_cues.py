"""What the words around a name, and its own words, say about its type.

Each cue adds a weight to a type. The sum over all places where a text has the name decides,
together with the label of the recognizer, which is often wrong for names of a single word.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache

from mcp_context_persistence.ingest.extraction.labels import read_label
from mcp_context_persistence.ingest.extraction.named_entities import SURNAME_PARTICLES
from mcp_context_persistence.ingest.extraction.relation_verbs import inflect_verbs
from mcp_context_persistence.ingest.extraction.results import ParsedText
from mcp_context_persistence.ingest.extraction.rule_data import get_words

Votes = defaultdict[str, float]  # by type

# A certain cue is stronger than all that others say; a weak one only breaks ties.
CERTAIN, STRONG, FAIR, WEAK = 8.0, 4.0, 2.0, 1.0

_LEGAL_FORMS = get_words("legal_forms")
_FIRST_WORDS = get_words("organization_first_words")
_LAST_WORDS = get_words("organization_last_words") | get_words("organization_endings")
_PLACE_ENDINGS = get_words("place_endings")
_PLACE_KINDS = get_words("place_kinds")
_EVENT_ENDINGS = frozenset(
    {
        *("Conference", "Summit", "Workshop", "Symposium", "Hackathon", "Expo", "Festival"),
        *("Tournament", "Championship", "Championships", "Marathon", "Gala", "Exhibition"),
        *("Olympics", "Convention", "Webinar", "Meetup", "Bootcamp", "Seminar", "Fair"),
    }
)
_TITLES = get_words("person_titles")
_SHORT_TITLES = frozenset(
    f"{title}{dot}" for title in ("dr", "mr", "mrs", "ms", "prof") for dot in ("", ".")
)
_CONTACT_VERBS = get_words("contact_verbs")
_ADDRESSING_VERBS = frozenset({"ask", "tell"})  # firms are asked, too: "Ask Siemens"
_KIN = get_words("kin_nouns")
_PERSON_NOUNS = get_words("person_nouns") | get_words("people_roles") | _KIN
_BELONGINGS_OF_FIRMS = frozenset(
    {
        *("menu", "app", "website", "api", "customers", "employees", "staff", "shares"),
        *("headquarters", "revenue", "earnings", "shareholders", "ceo", "cto", "cfo"),
    }
)
_SERVICE_VERBS = inflect_verbs(frozenset({"drive", "deliver", "fly", "freelance", "consult"}))
_HEADS_OF_PLACES = frozenset({"mayor", "governor", "king", "queen", "bishop", "emperor"})
_JOBS = frozenset({"job", "role", "career", "internship", "interview"})
_ORGANIZATION_NOUNS = get_words("organization_nouns")
_POSSESSIVES = frozenset({"'s", "’s", "'", "’"})
_ROLE_PREPOSITIONS = frozenset({"of", "at", "for"})
_PLACE_PREPOSITIONS = frozenset({"in", "near", "outside", "around", "throughout", "from", "to"})
_MOODS = get_words("moods")
_SURNAME = re.compile(r"O['’][A-Z][a-z]+")
_STREETS = ("straße", "strasse", "gasse", "weg", "platz", "allee", "ufer", "vej", "gatan", "straat")
_APPOSITION_TOKENS, _LABEL_TOKENS, _PRONOUN_TOKENS = 7, 24, 25
_LIST_SIGNS = frozenset({",", "and", "&", "/", "+", "-", "–"})
_SALUTATIONS = frozenset(
    {
        "dear",
        "hi",
        "hello",
        "hey",
        "hallo",
        "liebe",
        "lieber",
        "bonjour",
        "hola",
        "ciao",
        "thanks",
        "thx",
    }
)
CLOSINGS = frozenset(
    {
        *("regards", "wishes", "greetings", "cheers", "best", "sincerely", "thanks", "yours"),
        *("love", "groeten", "grüße", "gruß", "saludos", "saluti", "cordialement", "hilsen"),
    }
)
# The number of a part or of a model: "STM32F4", "AX-4711".
_MODEL_NUMBER = re.compile(r"(?=[A-Z])(?=\D*\d\D*\d)[A-Z0-9]+(?:-[A-Z0-9]+)*")
_QUOTES = frozenset({'"', "''", "”", "“", "»", "'"})
_ARTICLES = frozenset({"the", "a", "an", "my", "our", "your", "his", "her", "their", "this"})


@cache
def _inflect(name: str) -> frozenset[str]:
    return inflect_verbs(get_words(name))


def find_votes(parsed: ParsedText, first: int, end: int) -> Votes:
    """Return what the cues of one place say about the name of some tokens."""
    votes: Votes = defaultdict(float)
    for read_cue in _CUES:
        for kind, weight in read_cue(parsed, first, end):
            votes[kind] += weight
    return votes


def _read_own_words(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield what the name's own words say: "Kern KG", "Karla Reservoir", "AX-4711"."""
    words = parsed.words[first:end]
    last = words[-1]
    if len(words) > 1:
        if last in _LEGAL_FORMS or last.rstrip(".") in _LEGAL_FORMS:
            yield "organization", CERTAIN
        elif last in _LAST_WORDS or words[0] in _FIRST_WORDS:
            yield "organization", STRONG
        elif last in _PLACE_ENDINGS:
            yield "location", STRONG
        elif last in _EVENT_ENDINGS:
            yield "event", STRONG
        elif last.isdecimal() and len(last) < 4:
            yield "product", FAIR
    elif _MODEL_NUMBER.fullmatch(last):
        yield "product", STRONG
    particles = parsed.lowers[first : end - 1]
    if _SURNAME.fullmatch(last) or not SURNAME_PARTICLES.isdisjoint(particles):
        yield "person", STRONG
    if last.lower().endswith(_STREETS) and len(last) > 7:
        yield "location", FAIR


def _read_word_before(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield what the word before says: "Mr Okafor", "my aunt Solveig", "Contact Solveig"."""
    if parsed.lowers[first] in _TITLES and end - first > 1:
        yield "person", CERTAIN
    if first == 0:
        return
    before = parsed.lowers[first - 1]
    title = "".join(parsed.lowers[max(0, first - 2) : first]) if before == "." else before
    if title in _SHORT_TITLES and end - first > 1:
        yield "person", CERTAIN  # "dr. Ada Lind"
        return
    is_phrase = parsed.heads[first - 1] in range(first, end) or parsed.deps[end - 1] == "appos"
    if before in _CONTACT_VERBS and parsed.words[first - 1][0].isupper():
        yield "person", STRONG
    elif before in _ADDRESSING_VERBS and parsed.words[first - 1][0].isupper() and end - first == 2:
        yield "person", FAIR
    elif before in _KIN or (before in _TITLES and parsed.words[first - 1][0].isupper()):
        yield "person", CERTAIN
    elif before in _PERSON_NOUNS and is_phrase:
        yield "person", STRONG
    elif before in _ORGANIZATION_NOUNS and is_phrase:
        yield "organization", FAIR
    elif before in _PLACE_KINDS and is_phrase:
        yield "location", STRONG


def _read_role(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield a person for "Our accountant, Ines Moreau, works there"."""
    words = parsed.lowers[max(0, first - 5) : first]
    if (
        len(words) > 2
        and words[-1] == ","
        and words[-2] in _PERSON_NOUNS
        and not _ARTICLES.isdisjoint(words[:-2])
    ):
        yield "person", STRONG


def _read_description(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield what a description after the name says: ", my brother," or "(CFO)"."""
    size = len(parsed.words)
    if end + 1 >= size or parsed.words[end] not in {",", "(", "–", "-"}:
        return
    start = end + 1
    has_article = parsed.lowers[start] in _ARTICLES
    for token in range(start, min(size, start + _APPOSITION_TOKENS)):
        lower = parsed.lowers[token]
        if not lower[0].isalnum() and lower != "-":
            break
        if lower in _PERSON_NOUNS and (has_article or parsed.words[end] == "("):
            yield "person", STRONG
            return
        if has_article and lower in _ORGANIZATION_NOUNS:
            yield "organization", STRONG
            return
        if has_article and lower in _PLACE_KINDS | {"quarter"}:
            yield "location", STRONG
            return
        if lower in {"of", "that", "which", "who", "and"}:
            if lower == "who":
                yield "person", FAIR
            return


def _read_possessed(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield what the name owns: "Mirek's lawyer", "Nando's menu"."""
    if parsed.words[end : end + 1] and parsed.words[end] in _POSSESSIVES:
        owned = parsed.heads[end - 1]
        if parsed.lowers[owned] in _KIN | get_words("people_belongings"):
            yield "person", STRONG
        elif parsed.lowers[owned] in _BELONGINGS_OF_FIRMS:
            yield "organization", STRONG
    elif parsed.words[end - 1] in _POSSESSIVES:
        yield "organization", STRONG  # "lunch at Nando's"


def _read_label(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield what a label before a list of names says: "Attendees: Ines, Marek (Oslo)"."""
    token = first - 1
    depth = 0
    while token > 0 and first - token < _LABEL_TOKENS:
        word = parsed.words[token]
        if word == ":":
            kind = read_label(parsed.words[token - 1])
            if kind:
                yield kind, STRONG
            return
        depth += (word == ")") - (word == "(")
        if "\n" in word or not (depth or word in _LIST_SIGNS or word[0].isupper()):
            return
        token -= 1


def _read_letter(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield a person for the name in a salutation, or below the closing words of a letter."""
    following = parsed.words[end : end + 1]
    if (
        first > 0
        and parsed.lowers[first - 1] in _SALUTATIONS
        and (not following or following[0] in {",", "!"} or "\n" in following[0])
    ):
        yield "person", STRONG
    line = first - 1
    if (
        line > 1
        and "\n" in parsed.words[line]
        and parsed.words[line - 1] in {",", "!"}
        and not CLOSINGS.isdisjoint(parsed.lowers[max(0, line - 5) : line - 1])
    ):
        yield "person", STRONG


def _read_author(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield a person after a title: "“Low Tide” by Ines Duarte"."""
    if first > 1 and parsed.lowers[first - 1] == "by" and parsed.words[first - 2] in _QUOTES:
        yield "person", STRONG


def _read_pronoun(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield a person for a subject that "he" or "she" follows, without another name between."""
    if parsed.deps[end - 1] not in {"nsubj", "nsubjpass"}:
        return
    for token in range(end, min(len(parsed.words), end + _PRONOUN_TOKENS)):
        if parsed.lowers[token] in {"he", "she"} and parsed.deps[token].startswith("nsubj"):
            yield "person", FAIR
            return
        if parsed.tags[token] in {"NNP", "NNPS"} and parsed.deps[token].startswith("nsubj"):
            return


def _read_introduction(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield a person for "my name is Ada", "my son is called Ada", "married to Ada"."""
    words = parsed.lowers[max(0, first - 5) : first]
    phrase = " ".join(words[-2:])
    if (
        phrase in {"married to", "engaged to"}
        or (phrase == "is called" and not _KIN.isdisjoint(words))
        or (phrase == "name is" and not {"my", "his", "her"}.isdisjoint(words))
    ):
        yield "person", STRONG


def _read_companion(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield a person for "Priyanka and I"."""
    if parsed.lowers[end : end + 2] in (["and", "i"], ["and", "me"], ["and", "myself"]):
        yield "person", STRONG


def _read_clause(parsed: ParsedText, first: int, end: int) -> Iterator[tuple[str, float]]:
    """Yield what the name does: only people love, only firms hire."""
    head = _find_head(parsed, first, end)
    dep, verb = parsed.deps[head], parsed.heads[head]
    if dep == "conj" and parsed.deps[verb] in {"nsubj", "nsubjpass"}:
        dep, verb = parsed.deps[verb], parsed.heads[verb]
    if dep == "nsubj" and parsed.tags[verb].startswith("VB"):
        yield from _read_action(parsed, verb)
    elif dep == "dobj" and (cue := _read_object(parsed, verb, is_word=end - first == 1)):
        yield cue
    elif dep in {"dobj", "nsubjpass"} and parsed.lowers[verb] in _inflect("software_verbs"):
        yield "technology", WEAK
    yield from _read_preposition(parsed, head)


def _read_object(parsed: ParsedText, verb: int, *, is_word: bool) -> tuple[str, float] | None:
    """Return what a verb says about its object: "joined Acme", "left Leeds at noon"."""
    lower = parsed.lowers[verb]
    if lower in {"join", "joins", "joined", "joining"}:
        return "organization", STRONG if is_word else FAIR
    if lower in {"own", "owns", "owned"}:
        return "organization", FAIR
    if lower in {"leave", "leaves", "left", "leaving"} and any(
        parsed.lowers[child] == "at" for child in parsed.children[verb]
    ):
        return "location", FAIR
    return ("person", FAIR) if lower in _inflect("contact_verbs") else None


def _read_action(parsed: ParsedText, verb: int) -> Iterator[tuple[str, float]]:
    lower = parsed.lowers[verb]
    complements = [
        child for child in parsed.children[verb] if parsed.deps[child] in {"acomp", "oprd"}
    ]
    if lower in _inflect("employment_verbs") and any(
        parsed.lowers[child] in {"for", "at", "as"} for child in parsed.children[verb]
    ):
        yield "person", STRONG
    elif lower in _inflect("people_only_verbs") or any(
        parsed.lowers[child] in _MOODS for child in complements
    ):
        yield "person", FAIR
    elif lower in _inflect("people_verbs"):
        yield "person", WEAK
    elif lower in _inflect("organization_verbs"):
        yield "organization", WEAK


def _read_preposition(parsed: ParsedText, head: int) -> Iterator[tuple[str, float]]:
    """Yield what the preposition before the name and its verb say: "lives in", "works for"."""
    dep, preposition = parsed.deps[head], parsed.heads[head]
    if dep == "conj" and parsed.deps[preposition] == "pobj":
        dep, preposition = parsed.deps[preposition], parsed.heads[preposition]
    if dep != "pobj":
        return
    word, governor = parsed.lowers[preposition], parsed.heads[preposition]
    if word == "at" and parsed.deps[governor] == "dobj":
        governor = parsed.heads[governor]  # "studied physics at Heidelberg"
    verb = parsed.lowers[governor]
    if word == "of" and verb in _HEADS_OF_PLACES:
        yield "location", STRONG
    elif weight := _weigh_employer(word, verb):
        yield "organization", weight
    elif word in {"in", "at"} and verb in {"study", "studies", "studied", "studying", "teaches"}:
        yield ("organization", STRONG) if word == "at" else ("location", WEAK)
    elif word in _PLACE_PREPOSITIONS and verb in _inflect("location_verbs"):
        yield "location", STRONG
    elif word in {"in", "with", "on", "to", "from"} and verb in _inflect("software_verbs"):
        yield "technology", FAIR
    elif word in {"in", "near", "outside"}:
        yield "location", FAIR


def _weigh_employer(preposition: str, word: str) -> float:
    """Return how much a preposition and the word before it show an employer, 0.0 for nothing."""
    if preposition in {"for", "at", "with", "by"} and word in _inflect("employment_verbs"):
        return STRONG if preposition in {"for", "at"} else WEAK
    if (preposition in {"at", "for"} and word in _JOBS) or (
        preposition == "for" and word in _SERVICE_VERBS
    ):
        return STRONG
    return FAIR if preposition in {"of", "at"} and word in _PERSON_NOUNS - _KIN else 0.0


def _find_head(parsed: ParsedText, first: int, end: int) -> int:
    """Return the token of a name whose head is outside of it."""
    return next(
        (token for token in range(first, end) if not first <= parsed.heads[token] < end), end - 1
    )


_CUES: tuple[Callable[[ParsedText, int, int], Iterator[tuple[str, float]]], ...] = (
    _read_own_words,
    _read_word_before,
    _read_role,
    _read_description,
    _read_possessed,
    _read_label,
    _read_letter,
    _read_author,
    _read_pronoun,
    _read_companion,
    _read_introduction,
    _read_clause,
)
