"""Names whose own form shows what they are: firms, addresses, titles, models of products."""

import re
from collections.abc import Iterator

from mcp_context_persistence.ingest.extraction.results import EntityCandidate, Tier
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import list_term_lowers

_CAPITAL = r"[^\W\d_a-zß-öø-ÿ]"
_JOINTS = r"(?:&|and|und|et|y|e|i|og|och|of|de|du|des|di|del|della|der|van|von|the|la|le|et)"
_FORMS = "|".join(
    re.escape(form)
    for form in sorted(get_words("legal_forms"), key=lambda form: (-len(form), form))
)
_WORD = rf"{_CAPITAL}[\w.'’-]*"
_FIRM = re.compile(
    rf"(?<![\w.'’-])(?P<name>{_WORD}(?: (?:{_WORD}|{_JOINTS}(?= {_CAPITAL}|&))){{0,6}}?"
    rf"(?:,? (?:\(Pty\) |Pty\.? |Pte\.? |Sp\. z )?(?:{_FORMS}|o\.o\.?)(?!\w))+"
    rf"(?: & Co\.? (?:{_FORMS}))?)(?!\w)"
)
_NOT_IN_FIRMS = (
    get_words("words_around_name")
    | get_words("sentence_openers")
    | get_words("question_verbs")
    | get_words("generic_nouns")
    | (get_words("requests") - {"check", "note", "open"})  # "Open Systems AG" is a name.
)
_NOUNS_FOR_FIRMS = frozenset(
    {
        *("die", "der", "das", "den", "dem", "die firma", "der firma", "firma", "das unternehmen"),
        *("la société", "société", "la empresa", "empresa", "a empresa", "l'azienda", "azienda"),
        *("het bedrijf", "bedrijf", "la ditta", "ditta", "firma", "firmaet", "företaget"),
    }
)
_QUOTED = re.compile(
    rf"(?<!\w)[\"“„«](?P<title>{_CAPITAL}[\w'’.-]*(?:,? (?:[\w'’&.-]+)){{0,7}})[!?]?[\"”“»](?!\w)"
)
_SMALL_WORDS = frozenset(
    {"a", "an", "the", "and", "or", "of", "in", "on", "at", "for", "to", "by", "with", "from", "de",
     "la", "le", "der", "die", "das", "und", "del", "du"}
)  # fmt: skip
_MODEL = re.compile(
    rf"(?<![\w.'’/-])(?P<name>(?:[a-z]{{0,3}}{_CAPITAL}[\w&-]*\w )(?:{_CAPITAL}[\w-]*\w ){{0,2}}"
    rf"(?:[A-Z]{{1,4}}-?\d{{1,4}}\w{{0,3}}|[A-Z]{{1,3}}\d{{2,5}}\w?|\d{{1,3}}[a-z]?))"
    r"(?![\w.:,%€$/-]\w|\w|:| [€$%])"
)
_ADDRESS = re.compile(
    rf"(?<![\w.,/-])\d{{1,4}}[a-zA-Z]? (?:(?:{_CAPITAL}[\w'’-]* ){{1,3}}"
    r"(?:Street|Road|Avenue|Lane|Drive|Terrace|Boulevard|Crescent|Square)"
    rf"|(?:Rua|Rue|Via|Viale|Calle|Avenida|Strada|Piazza|Carrer|Corso|Ulica)"
    rf"(?: (?:d[aeiou]s?|del|della|des|du|la|le|les|el|los|las|y|e|{_CAPITAL}[\w'’-]*))"
    rf"{{0,3}} {_CAPITAL}[\w'’-]*)(?!\w)"
)
_INITIALS = re.compile(
    rf"(?<![\w.’'-])(?P<name>(?:{_CAPITAL}\. ?){{1,2}}"
    rf"(?P<surname>{_CAPITAL}[\w’']+(?:-{_CAPITAL}\w+)?))(?![\w-]|\.\w)"
)
# "Plan B. Deploy it", "vitamin C. Apples have it"
NOUNS_BEFORE_LETTERS = frozenset(
    {
        *("plan", "option", "vitamin", "hepatitis", "type", "grade", "class", "group", "team"),
        *("room", "gate", "hall", "line", "part", "section", "appendix", "annex", "version"),
    }
)
_NOT_PRODUCTS = get_words("words_before_numbers") | get_words("words_around_name")


def find_name_patterns(text: str) -> Iterator[EntityCandidate]:
    """Yield firms with a legal form, addresses, quoted titles, and products with a number."""
    for match in _FIRM.finditer(text):
        start, end = _trim_firm(text, *match.span("name"))
        if start < end:
            yield EntityCandidate(start, end, "organization", "form:legal", Tier.NAME_RULE)
    for match in _ADDRESS.finditer(text):
        yield EntityCandidate(*match.span(), "location", "form:address", Tier.NAME_RULE)
    for match in _QUOTED.finditer(text):
        if _is_title(match["title"]):
            yield EntityCandidate(*match.span("title"), "work", "form:title", Tier.NAMED_ENTITY)
    for match in _INITIALS.finditer(text):
        before = text[max(0, match.start() - 20) : match.start()].split()[-1:]
        if match["surname"].lower() not in _NOT_IN_FIRMS and NOUNS_BEFORE_LETTERS.isdisjoint(
            word.lower() for word in before
        ):
            yield EntityCandidate(*match.span("name"), "person", "form:initials", Tier.NAMED_ENTITY)
    for match in _MODEL.finditer(text):
        words = match["name"].lower().split()
        if _NOT_PRODUCTS.isdisjoint(words[:-1]) and words[-2] not in list_term_lowers():
            yield EntityCandidate(*match.span("name"), "product", "form:model", Tier.NAMED_ENTITY)


def _trim_firm(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of a firm without words of the sentence before its name."""
    words = [
        (match.start() + start, match.group()) for match in re.finditer(r"\S+", text[start:end])
    ]
    while len(words) > 1 and (words[0][1].lower() in _NOT_IN_FIRMS or not words[0][1][0].isupper()):
        words.pop(0)
    for count in (2, 1):
        # "Die Firma Kern GmbH", "Der Kern Verlag GmbH", but not "Le Monde SA"
        if " ".join(word for _, word in words[:count]).lower() in _NOUNS_FOR_FIRMS:
            words = words[count:]
    return (words[0][0], end) if len(words) > 1 else (end, end)


def _is_title(title: str) -> bool:
    """Return whether all words but small ones are capitalized."""
    words = re.findall(r"[\w'’&.-]+", title)
    return (
        all(
            word[0].isupper() or word[0].isdigit() or (index and word in _SMALL_WORDS)
            for index, word in enumerate(words)
        )
        and len(title) > 2
    )
