"""Write names in the case that the parser knows: "ANNA MEIER", "Anneke van den Broek".

The parser takes words in capitals for anything, and ends a name at a particle in lower case. Only
the parser sees the other case: the names of mentions are those of the text.
"""

import re

from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import SIGNS, list_term_lowers
from mcp_context_persistence.kg.text.languages import ENGLISH
from mcp_context_persistence.kg.text.stop_words import read_stop_words

_UPPER, _LETTER = "A-ZÀ-ÖØ-Þ\u0100-\u017e", r"[^\W\d_]"
# Without those that names of places have, too, such as "de" and "del": the parser knows these.
_PARTICLES = (
    r"(?:van|von)(?: (?:de[nmr]?|het|la|zu))?|vom|zu[mr]?|della|dos|te[nr]|bin|bint|ibn|af|av|[ey]"
)
_PARTICLE = re.compile(
    rf"(?<![\w.@/-])(?:(?P<first>[{_UPPER}][^\W\d_A-Z]+) (?P<particles>{_PARTICLES})"
    rf"|(?P<alone>(?:van|von) de[nr])) (?=[{_UPPER}]{_LETTER})"
)
_ANY_PARTICLE = re.compile(
    rf"(?<![\w.@/-])(?P<first>[{_UPPER}][^\W\d_A-Z]+) "
    rf"(?:{_PARTICLES}|d[aeiu](?: l[ao]s?)?|del|des|l[ae]|al|el) (?=[{_UPPER}]{_LETTER})"
)
_CAPITALS = re.compile(
    rf"(?<![\w@#/.'’-])[{_UPPER}][{_UPPER}'’-]*(?: [{_UPPER}][{_UPPER}'’-]*)+(?![\w@/(=])"
)
# "Dell'Acqua": the parser ends a name at such an apostrophe.
_ELISION = re.compile(
    rf"(?<![\w.@/-])(?P<particle>D[ae]ll|Degl|Nell)'(?P<initial>[{_UPPER}])(?=[a-z])"
)
# "Yahoo! was": a sentence does not go on with a verb.
_NAME_WITH_SIGN = re.compile(
    rf"(?<![\w.@/-])(?P<name>[{_UPPER}][^\W\d_A-Z]+)!(?= (?:is|are|was|were|has|had|will)\b)"
)
_ENDING = re.compile(r"(?<=[a-z]\.)(?:JS|IO|AI)\b")  # "Node.JS"
_EXCLAMATIONS = (
    get_words("words_around_name") | get_words("sentence_openers") | get_words("requests")
)
_LONGEST_NAME = 4  # words; more are a sentence in capitals
_SHORTEST_WORD = 3
_ABBREVIATIONS = SIGNS | get_words("never_names")
_CONTRACTION = re.compile(r"(?<=['’])(?:S|T|D|M|LL|RE|VE)$")
_VOWEL = re.compile(r"[^B-DF-HJ-NP-TV-XZ]")


def adapt_case(text: str) -> str:
    """Return a text of the same length with names in the case that the parser knows."""
    text = text.replace("’", "'") if "’" in text else text
    text = _CAPITALS.sub(_adapt_capitals, _ENDING.sub(_lower, text))
    if "'" in text:
        text = _ELISION.sub(_join_elision, text)
    if "! " in text:
        text = _NAME_WITH_SIGN.sub(_join_sign, text)
    return _PARTICLE.sub(_capitalize_particles, text)


def _join_elision(match: re.Match[str]) -> str:
    return f"{match['particle']}a{match['initial'].lower()}"


def _join_sign(match: re.Match[str]) -> str:
    return f"{match['name']}{'!' if match['name'].lower() in _EXCLAMATIONS else '-'}"


def _lower(match: re.Match[str]) -> str:
    return match.group().lower()


def remove_particles(text: str) -> str:
    """Return a text without the particles of names, which are function words of other languages."""
    return _ANY_PARTICLE.sub(r"\g<first> ", text)


def _capitalize_particles(match: re.Match[str]) -> str:
    words = match["alone"] or match["particles"]
    start = match.start("alone") if match["alone"] else match.start("particles")
    offset = start - match.start()
    return match.group()[:offset] + words.title() + match.group()[offset + len(words) :]


def _adapt_capitals(match: re.Match[str]) -> str:
    """Return words in capitals as a name, or as a sentence; abbreviations stay."""
    words = match.group().split(" ")
    if len(words) > _LONGEST_NAME:
        return " ".join(map(_adapt_word, words))
    is_name = sum(len(word) >= _SHORTEST_WORD for word in words) > 1 and not any(
        map(_is_abbreviation, words)
    )
    return " ".join(map(_adapt_word, words)) if is_name else match.group()


def _adapt_word(word: str) -> str:
    if word.lower() in read_stop_words(ENGLISH):
        return word.lower() if word != "I" else word
    if _is_abbreviation(word) or len(title := word.title()) != len(word):
        return word
    return _CONTRACTION.sub(_lower, title)


def _is_abbreviation(word: str) -> bool:
    lower = word.lower()
    return _VOWEL.search(word) is None or lower in list_term_lowers() or lower in _ABBREVIATIONS
