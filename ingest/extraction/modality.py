"""Whether a sentence states something as a fact, or denies, plans, supposes or reports it.

A predicate is read together with everything that governs it, up to the root of the sentence.
"Nobody said that Kafka plans to use Redis" has three levels: "use", "plans", "said". At each level,
the words around it count (`modality_cues`), and what it makes of the level below
(`modality_complements`): "plans" makes a plan of it, "said" a report, and "know" leaves a fact.
`modality_governors` finds the next level. At the root, the form of the sentence counts
(`sentence_forms`).
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction import rule_data
from mcp_context_persistence.ingest.extraction.modality_complements import FACTIVE, PREMISE
from mcp_context_persistence.ingest.extraction.modality_cues import Reading
from mcp_context_persistence.ingest.extraction.modality_governors import Governor, GovernorReader
from mcp_context_persistence.ingest.extraction.modality_words import (
    FORMS_OF_BE,
    get_modalities,
    get_phrasal_forms,
    get_verb_forms,
    get_words,
)
from mcp_context_persistence.ingest.extraction.results import ASSERTED, POSITIVE, ParsedText
from mcp_context_persistence.ingest.extraction.sentence_forms import NOMINAL_SUBJECTS

_ROLES = (
    rule_data.get_words("people_roles")
    | rule_data.get_words("person_nouns")
    | rule_data.get_words("person_titles")
) - {"founder", "inventor", "creator", "winner"}  # who did something once
_LEVELS = 20  # more than sentences of prose have
# Where these are negated, the relation itself is denied: "will not use", "almost never uses".
_DENIABLE = frozenset({"", "planned", "nearly", "denied"})
_GOVERNED = frozenset({"denied", "past", "wished", "planned", "nearly", "supposed"})


class Stance(NamedTuple):
    """How a sentence states something.

    Attributes:
        modality: `asserted`, `denied`, `past`, `wished`, `planned`, `supposed`, `reported`,
            `asked`, `requested` or `nearly`.
        polarity: `negative` where it is the contrary that is asserted, asked, supposed and so on,
            else `positive`.
    """

    modality: str = ASSERTED
    polarity: str = POSITIVE


class ModalityReader(GovernorReader):
    """Reads how the predicates of one text are meant."""

    def __init__(self, parsed: ParsedText, names: Collection[int]) -> None:
        """Keep the text.

        Args:
            parsed: The text.
            names: Tokens that belong to a name.
        """
        super().__init__(parsed, names)
        self._readings: dict[int, Reading] = {}

    def assess(self, predicate: int, ends: Iterable[int] = ()) -> Stance:
        """Return how a relation is meant.

        Args:
            predicate: The token of the verb or noun that states it.
            ends: The tokens of the phrases that it relates.
        """
        if predicate not in self._readings:
            reading = self._read_levels(predicate)
            modality = reading.modality or self.read_condition_of_sentence(predicate)
            modality = modality or ("supposed" if self.is_title(predicate) else "")
            self._readings[predicate] = Reading(modality, reading.is_negative)
        ends = list(ends)
        modality, is_negative = self._readings[predicate]
        modality = modality or next(filter(None, map(self.read_phrase, ends)), "")
        is_negative ^= any(self.is_end_denied(end, predicate) for end in ends)
        if not is_negative:
            return Stance(modality or ASSERTED)
        return Stance("denied" if modality in _DENIABLE else modality, "negative")

    def assess_description(self, end: int) -> Stance:
        """Return how a noun with a preposition is meant: "formerly of X", "a former member of X".

        What describes a noun is true whatever the sentence says about it.
        """
        noun = end
        while self.parsed.deps[noun] in {"pobj", "prep", "compound"}:
            noun = self.parsed.heads[noun]
        subject = self.parsed.heads[noun]
        copula = self.parsed.heads[subject]
        is_inverted = copula < subject < noun and self.parsed.lowers[copula] in FORMS_OF_BE
        if is_inverted and "," not in self.parsed.words[subject:noun]:
            return self.assess(copula)  # "At no time was Ada a member of Acme"
        modality = self.read_phrase(end)
        first, last = self.find_sentence(end)
        is_asked = self.parsed.words[last - 1] == "?" and not any(
            self.parsed.tags[i].startswith("VB") for i in range(first, last)
        )
        return Stance(modality or ("asked" if is_asked else ASSERTED))  # "Ada: head of Acme?"

    def assess_object(self, verb: int) -> Stance:
        """Return what a verb says of its object alone: "lacks a cache", "quit the firm"."""
        if self.parsed.lowers[verb] in get_verb_forms("leaving"):
            return Stance("past")
        modality = self._classify_object(verb, has_to=False)
        return Stance(modality if modality in {"denied", "past"} else ASSERTED)

    def is_in_fact(self, token: int) -> bool:
        """Return whether the clause of a token states a fact.

        In "wants to debug X", "debug" may have been taken for a noun: so what a verb such as
        "wants" governs in any way is no fact.
        """
        predicate = self._find_predicate(token)
        if self.is_past_copula(predicate) and self._is_role(token, predicate):
            return False
        if token > predicate:
            has_to = self.parsed.lowers[predicate + 1 : predicate + 2] == ["to"]
            modality = self._classify_object(predicate, has_to=has_to)
        else:
            modality = ""
        modality = modality or self._classify_phrase(token, predicate)
        return modality not in _GOVERNED and self.assess(predicate, [token]) == Stance()

    def _classify_object(self, verb: int, *, has_to: bool) -> str:
        """Return the modality that a verb gives to its object.

        To turn an offer down is an event, which is a fact.
        """
        modality = self.classify_by_context(verb, has_to=has_to)
        if modality == "denied":
            return ""
        by_infinitive = get_modalities("verbs_before_to") if has_to else {}
        word = self.parsed.lowers[verb]
        return modality or by_infinitive.get(word) or self.classify_word(verb)

    def _classify_phrase(self, token: int, predicate: int) -> str:
        """Return what the nouns above a token say: "the idea of X", "the sale of X failed"."""
        for _ in range(_LEVELS):
            noun = self.parsed.heads[token]
            is_owner = token > predicate and self.parsed.deps[token] == "poss"  # "Acme's offer"
            if noun in {token, predicate} or is_owner or self.parsed.tags[noun].startswith("VB"):
                break
            if modality := self.classify_word(noun):
                return modality
            token = noun
        # Firms that fail have a relation, events that fail are none.
        is_event = token not in self.names and self.parsed.deps[token] in NOMINAL_SUBJECTS
        if not is_event or self._is_failure(predicate):
            return "nearly" if is_event else ""
        if self.parsed.lowers[predicate] in FORMS_OF_BE:
            return self.classify_copula(predicate, token)  # "a merger of A and B is unlikely"
        is_passive = self.parsed.deps[token] == "nsubjpass"
        return self.classify_word(predicate) if is_passive else ""

    def _is_role(self, token: int, predicate: int) -> bool:
        """Return whether "was" says what role somebody had with a name: "the mayor of Lund"."""
        if self.parsed.lowers[predicate] not in FORMS_OF_BE:
            return token > predicate
        for _ in range(_LEVELS):
            if self.parsed.deps[token] == "attr":
                return self.parsed.lowers[token] in _ROLES
            token = self.parsed.heads[token]
        return False

    def _is_failure(self, verb: int) -> bool:
        word = self.parsed.lowers[verb]
        phrases = (f"{word} {cue}" for cue in self.list_cues(verb))
        return not get_phrasal_forms("failing_verbs").isdisjoint((word, *phrases))

    def _find_predicate(self, token: int) -> int:
        """Return the verb that a token depends on, or the root of its sentence.

        An adverb makes a predicate of a noun: "formerly part of X".
        """
        adverbs = get_modalities("adverbs").keys()
        for _ in range(_LEVELS):
            head = self.parsed.heads[token]
            is_verb = self.parsed.tags[token].startswith("VB")
            if head == token or is_verb or adverbs & self.list_cues(token):
                break
            token = head
        return token

    def _read_levels(self, predicate: int) -> Reading:
        reading = self.read_level(predicate)
        token = below = predicate
        for _ in range(_LEVELS):
            governor = self.find_governor(token)
            if governor is None:
                break
            reading = self._add_level(reading, governor)
            if governor.token < 0 or governor.modality in {PREMISE, FACTIVE}:
                return reading
            token, below = governor.token, token
        return self._add_form(reading, token, below)

    def _add_level(self, reading: Reading, governor: Governor) -> Reading:
        """Return what two levels together say: the inner modality is the more exact one."""
        modality, is_negative = reading
        effect = governor.modality
        if effect == FACTIVE or modality == "asked":
            return reading
        if effect == PREMISE:
            return Reading(modality or "supposed", is_negative)
        if governor.token < 0:
            return Reading(modality or effect, is_negative ^ governor.is_negative)
        above = Reading()
        if governor.has_own_level:
            above = self.read_level(governor.token, is_governor=True)
        word = self.parsed.lowers[governor.token]
        if above.is_negative and word in get_verb_forms("cancelling"):
            effect = "planned" if word == "wait" else ""  # "cannot wait to use"
            return Reading(modality or effect or above.modality, is_negative)
        if effect == "denied":
            is_negative, effect, modality = not is_negative, "", ""
        if above.is_negative:
            is_negative = not is_negative
            effect = "denied" if effect not in {"", "asked"} else effect
        if effect in {"wished", "asked"} and modality == "supposed":
            modality = ""  # "would be nice if", "asked if"
        return Reading(modality or effect or above.modality, is_negative)

    def _add_form(self, reading: Reading, root: int, below: int) -> Reading:
        """Return what the form of the whole sentence adds: a question, a request, a heading.

        Args:
            reading: What the levels say.
            root: The highest level.
            below: The level below it, or the same.
        """
        modality, is_negative = reading
        forms = (self.read_opening(root), self.read_closing(root))
        is_negative ^= "denied" in forms
        opening = next((form for form in forms if form not in {"", "denied"}), "")
        if opening:
            return Reading(modality or opening, is_negative)
        if self.is_question(root):
            is_request = modality != "asked" and self.is_polite_request(root)
            return Reading("requested" if is_request else "asked", is_negative)
        is_reported_clause = self.parsed.deps[below] == "ccomp" and below != root
        is_request = self.is_imperative(root) and (
            not is_reported_clause or self.parsed.lowers[root] in get_words("causative")
        )
        heading = self.read_heading(root)
        if heading == "denied":  # "Myth: Kafka uses Redis"
            return Reading(modality, not is_negative)
        return Reading(modality or heading or ("requested" if is_request else ""), is_negative)
