"""Parse segments with spaCy, and return the parses without it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.ingest.extraction.name_case import adapt_case
from mcp_context_persistence.ingest.extraction.name_patterns import NOUNS_BEFORE_LETTERS
from mcp_context_persistence.ingest.extraction.parse_repair import list_children, separate_clauses
from mcp_context_persistence.ingest.extraction.results import ParsedText
from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.ingest.extraction.software_terms import list_software_terms
from mcp_context_persistence.kg.text.languages import UNSPACED_CHARACTERS

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.matcher import PhraseMatcher
    from spacy.tokens import Doc, Token

_UNSPACED = f"[{UNSPACED_CHARACTERS}]"
_MIXED_SCRIPTS = re.compile(rf"{_UNSPACED}[A-Za-z0-9]|[A-Za-z0-9]{_UNSPACED}")
_SCRIPT_RUN = re.compile(rf"{_UNSPACED}+|[^{UNSPACED_CHARACTERS}]+")
_FIRM_END = re.compile(r"\b(?:Corp|Inc|Ltd|Ltda|Co|Kft|Lda|Nyrt|Zrt)\. [^\W\d_a-z]")
_ABBREVIATED_FORMS = frozenset(form for form in get_words("legal_forms") if form.endswith("."))
_VERB_FORM = re.compile(r"[a-z]+(?:s|ed)|had|can|could|may|might|must|should|will|would")


def build_term_matcher(nlp: "Language") -> "PhraseMatcher":
    """Return a matcher of the known software terms."""
    from spacy.matcher import PhraseMatcher  # noqa: PLC0415 - spaCy takes a second to import

    matcher = PhraseMatcher(nlp.vocab, attr="LOWER")
    for term in list_software_terms():
        certainty = "unambiguous" if term.is_unambiguous else "ambiguous"
        matcher.add(f"{term.type}:{certainty}", [nlp.make_doc(term.name)])
    return matcher


def make_doc(nlp: "Language", text: str) -> "Doc":
    """Return the tokens of a text, with a new sentence after "Acme Corp." and the like.

    The parser takes such a dot for a part of the name and joins the two sentences. Names have the
    case that it knows.
    """
    text = adapt_case(text)
    doc = nlp.make_doc(text)
    if not text.isascii() and _MIXED_SCRIPTS.search(text):
        _split_scripts(doc)
    if _FIRM_END.search(text):
        for token in doc[1:]:
            if doc[token.i - 1].text in _ABBREVIATED_FORMS and _begins_sentence(doc, token.i):
                token.is_sent_start = True
    return doc


def _split_scripts(doc: "Doc") -> None:
    """Split the tokens in which a name follows characters without a space: "使用Redis作为缓存"."""
    with doc.retokenize() as retokenizer:
        for token in doc:
            parts = _SCRIPT_RUN.findall(token.text) if _MIXED_SCRIPTS.search(token.text) else []
            if len(parts) > 1:
                heads: list[Token | tuple[Token, int]] = [
                    (token, index) for index in range(len(parts))
                ]
                retokenizer.split(token, parts, heads=heads)


def _begins_sentence(doc: "Doc", i: int) -> bool:
    """Return whether a token after an abbreviation begins a sentence, and no longer name.

    "Acme Corp. The", "Acme Corp. Vesper runs", but not "Acme Corp. CEO Ines Falk".
    """
    word = doc[i].text
    if not word[0].isupper() or word.isupper():
        return False
    following = doc[i + 1].text if i + 1 < len(doc) else ""
    return word.lower() in get_words("words_around_name") or (
        following.islower() and _VERB_FORM.fullmatch(following) is not None
    )


def convert_doc(doc: "Doc", text: str, matcher: "PhraseMatcher") -> ParsedText:
    """Return the parse of a text as plain lists."""
    words, lowers, tags, deps, heads, starts, ends = [], [], [], [], [], [], []
    for token in doc:
        words.append(token.text)
        lowers.append(token.lower_)
        tags.append(token.tag_)
        deps.append(token.dep_)
        heads.append(token.head.i)
        starts.append(token.idx)
        ends.append(token.idx + len(token))
    separate_clauses(lowers, tags, deps, heads)
    return ParsedText(
        text=text,
        words=words,
        lowers=lowers,
        tags=tags,
        deps=deps,
        heads=heads,
        starts=starts,
        ends=ends,
        children=list_children(heads),
        sentences=list(_split_sentences(doc, words)),
        entity_spans=list(_find_labels(doc, lowers)),
        term_spans=_find_terms(doc, matcher),
    )


def _find_labels(doc: "Doc", lowers: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield spaCy's labels, but not that of "B. Deploy" in "Plan B. Deploy it"."""
    for span in doc.ents:
        is_letter = len(lowers[span.start]) == len("b.") and lowers[span.start].endswith(".")
        is_after_noun = span.start > 0 and lowers[span.start - 1] in NOUNS_BEFORE_LETTERS
        if not (is_letter and is_after_noun):
            yield span.start, span.end, span.label_


def _split_sentences(doc: "Doc", words: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the sentences, which end at line breaks too."""
    for sentence in doc.sents:
        start = sentence.start
        for token in range(sentence.start, sentence.end):
            if "\n" in words[token]:
                if start < token:
                    yield start, token
                start = token + 1
        if start < sentence.end:
            yield start, sentence.end


def _find_terms(doc: "Doc", matcher: "PhraseMatcher") -> list[tuple[int, int, str, bool]]:
    """Return the known software terms of a text; of two that overlap, the longer one."""
    terms: list[tuple[int, int, str, bool]] = []
    matches: Any = sorted(matcher(doc), key=lambda match: (match[1], -match[2]))
    for key, first, end in matches:
        if not terms or first >= terms[-1][1]:
            kind, _, certainty = doc.vocab.strings[key].partition(":")
            terms.append((first, end, kind, certainty == "unambiguous"))
    return terms
