"""Words around a predicate by which it is no fact: negations, auxiliaries, adverbs, conditions."""

from collections.abc import Iterator
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.modality_times import PRESENT_TAGS, TimeReader
from mcp_context_persistence.ingest.extraction.modality_words import (
    FORMS_OF_BE,
    get_modalities,
    get_verb_forms,
    get_words,
)
from mcp_context_persistence.ingest.extraction.sentence_forms import NOMINAL_SUBJECTS

_LABELS_OF_ADVERBS = frozenset({"advmod", "npadvmod", "neg", "preconj", "intj", "dep", "acomp"})
_MODIFIERS = frozenset({"det", "compound", "amod", "poss", "nummod", "nmod"})
_PHRASE_LINKS = frozenset(
    {
        *(_MODIFIERS - {"det"}),
        *("appos", "pobj", "prep", "agent", "conj", "dobj", "attr", "dative", "oprd", "npadvmod"),
        *("pcomp", "advmod", *NOMINAL_SUBJECTS),
    }
)
_SHARED_SUBJECT = frozenset({"conj", "xcomp", "advcl", "pcomp", "prep"})
_COMPLEMENTS = frozenset({"ccomp", "pcomp", "csubj"})
_CLAUSES = _COMPLEMENTS | {"advcl", "conj", "parataxis", "relcl"}
_PHRASE_DEPTH = 12


class Reading(NamedTuple):
    """A modality, or an empty string where there is none, and whether it is negated."""

    modality: str = ""
    is_negative: bool = False


class CueReader(TimeReader):
    """Reads the words around the predicates of one text."""

    def read_level(self, verb: int, *, is_governor: bool = False) -> Reading:
        """Return what the words around one predicate say about it.

        Args:
            verb: The predicate.
            is_governor: Whether it governs the predicate of the relation. The subject of a
                relation may be denied itself, so it denies only other predicates.
        """
        if self._is_over(verb):
            return Reading("past")
        is_negative = self.has_negation(verb) ^ self._has_negative_subject(verb, is_governor)
        is_negative ^= self.is_outstanding(verb)
        modality = (
            self._read_adverbs(verb)
            or self.read_time(verb)
            or self._read_mark(verb)
            or self._read_auxiliary(verb, is_negative=is_negative)
            or self._read_condition(verb)
        )
        return Reading(modality, is_negative)

    def has_negation(self, token: int) -> bool:
        """Return whether an odd number of negations modify a predicate or a noun."""
        is_gerund = self.parsed.tags[token] == "VBG" and self.parsed.deps[token] == "attr"
        is_noun = is_gerund or self.parsed.tags[token][0] in "NPDW"  # "no denying that"
        is_behind_counted = is_noun or self.parsed.lowers[token] in FORMS_OF_BE
        count = 0
        auxiliaries = (i for i, _ in self.find_cues(token) if self.parsed.deps[i] == "aux")
        for child, word in (i for above in (token, *auxiliaries) for i in self.find_cues(above)):
            is_negation = word in get_words("negations") and (is_behind_counted or child < token)
            if is_negation or (is_noun and word in get_words("negative_determiners")):
                count += not self._is_focus(child)
            elif word == "ever" or self.parsed.deps[child] in {"prep", "npadvmod"}:
                count += self._is_denying_phrase(child)
        count += self.is_climax(token)
        if self.parsed.deps[token] == "conj":
            count += "nor" in self.parsed.lowers[self.parsed.heads[token] : token]
        return count % 2 == 1

    def is_climax(self, verb: int) -> bool:
        """Return whether a verb is denied even more than the one before it: "let alone used"."""
        first = min(self.parsed.children[verb], default=verb)
        before = (self.parsed.lowers[i - 2 : i] for i in (verb, first) if i > 1)
        return any(words in (["let", "alone"], ["much", "less"]) for words in before)

    def _is_focus(self, negation: int) -> bool:
        """Return whether a negation denies a word such as "only", or a reason: "not because"."""
        return not get_words("focus_adverbs").isdisjoint(
            self.parsed.lowers[negation + 1 : negation + 2]
        )

    def _is_denying_phrase(self, token: int) -> bool:
        """Return whether an adverb or a prepositional phrase denies: "hardly ever", "in no way"."""
        if self.parsed.lowers[token] == "ever":
            return not get_words("negations").isdisjoint(self.list_cues(token))
        return any(
            word in get_words("empty_phrases") and "no" in self.list_cues(noun)
            for noun, word in ((token, self.parsed.lowers[token]), *self.find_cues(token))
        )

    def _has_negative_subject(self, verb: int, is_governor: bool) -> bool:
        subject = self.find_subject(verb)
        if subject < 0:
            return False
        if any(self._is_denying_phrase(child) for child, _ in self.find_cues(subject)):
            return True  # "Kafka by no means uses it"
        word = self.parsed.lowers[subject]
        return word in get_words("negative_pronouns") or (
            (is_governor or word == "one")
            and not get_words("negative_determiners").isdisjoint(self.list_cues(subject))
        )

    def is_outstanding(self, verb: int) -> bool:
        """Return whether something has not happened so far: "has yet to support"."""
        return self.has_to(verb) and "yet" in self.parsed.lowers[max(0, verb - 3) : verb]

    def _is_over(self, verb: int) -> bool:
        """Return whether a predicate was true once: "no longer uses", "does not use it anymore"."""
        lowers, deps = self.parsed.lowers, self.parsed.deps
        adverbs = [child for child, _ in self.find_cues(verb) if deps[child] in {"advmod", "amod"}]
        for child in (*adverbs, *(i for adverb in adverbs for i in self.parsed.children[adverb])):
            is_more = lowers[child] in {"longer", "more"}
            if not is_more or lowers[child + 1 : child + 2] == ["than"]:
                previous = ["any"] if lowers[child] == "anymore" else []
            else:
                previous = lowers[child - 1 : child]
            if (
                previous == ["no"]
                or (lowers[child] == "more" and previous == ["not"])
                or (previous == ["any"] and self.has_negation(verb))
            ):
                return True
        return False

    def _read_adverbs(self, verb: int) -> str:
        modalities = get_modalities("adverbs")
        subject = self.find_subject(verb)
        for child, word in (*self.find_cues(verb), *self._find_adverbs(subject)):
            dep = self.parsed.deps[child]
            if word in modalities and dep in _LABELS_OF_ADVERBS and not self._is_answer(child):
                return modalities[word]
            if word == "according" or self.parsed.lowers[child : child + 2] == ["as", "per"]:
                return "reported"
            if dep == "prep" and child < verb and self.is_imagined(child):
                return "supposed"
            if hedge := self.read_hedge(child) or self.read_remark(child):
                return hedge
        inserted = (i for child in self.parsed.children[verb] for i in self.parsed.children[child])
        is_believed = subject >= 0 and self.is_believed(subject)
        if remark := next(filter(None, map(self.read_remark, inserted)), ""):
            return remark  # "owns, I believe, a mill"
        is_nearly = self.parsed.lowers[max(0, verb - 2) : verb] == ["all", "but"]
        return "reported" if is_believed else "nearly" if is_nearly else ""

    def _find_adverbs(self, noun: int) -> Iterator[tuple[int, str]]:
        """Yield the adverbs that the parser gave to the subject: "Hopefully Kafka uses it"."""
        for child, word in self.find_cues(noun) if noun >= 0 else ():
            if self.parsed.tags[child] == "RB":
                yield child, word

    def _is_answer(self, adverb: int) -> bool:
        """Return whether an adverb is a sentence of its own: "Maybe, but ..."."""
        following = slice(adverb + 1, adverb + 3)
        return (self.parsed.words[following] or [""])[0] == "," and (
            self.parsed.tags[following][-1] == "CC"
        )

    def _read_mark(self, verb: int) -> str:
        """Return what a conjunction before a clause says: "if", "whether", "unless"."""
        dep, head = self.parsed.deps[verb], self.parsed.heads[verb]
        # Where the parser did not recognize the verb, it gives its conjunction to the next one.
        cues = [*self.find_cues(verb), *(self.find_cues(head) if dep == "advcl" else ())]
        for child, word in cues:
            if self.parsed.deps[child] not in {"mark", "advmod", "prep"} or child > verb:
                continue
            previous, following = (self.parsed.lowers[i : i + 1] for i in (child - 1, child + 1))
            if word == "if" and following == ["only"]:
                return "wished"
            is_own = dep != "advcl" or self.parsed.heads[child] == verb
            if (word == "whether" and is_own) or (word == "if" and dep in _COMPLEMENTS):
                return "asked"
            if word in get_words("conditionals") or (word == "like" and dep == "advcl"):
                return "supposed"
            if word in {"though", "as"} and previous in (["as"], ["long"]):
                return "supposed"
            is_present = self.parsed.tags[verb] in PRESENT_TAGS and previous != ["not"]
            if is_present and (self.is_time_to_come(child) or self.is_in_contract(child, verb)):
                return "supposed"
        is_inverted = dep in {"advcl", "ccomp"} and any(
            word in {"had", "should", "were", "did"} and child < self.find_subject(verb)
            for child, word in self.find_cues(verb)
        )
        return "supposed" if is_inverted and self.parsed.heads[verb] > verb else ""

    def _read_auxiliary(self, verb: int, *, is_negative: bool) -> str:
        modalities, words = get_modalities("auxiliaries"), self.list_cues(verb)
        if {"must", "have"} <= words:
            return "supposed"
        if not words.isdisjoint({"wanna", "rather"}):
            return "wished"
        if {"had", "better"} <= words:
            return "requested"
        if self._is_headline(verb):
            return "planned"
        for child, word in self.find_cues(verb):
            # "I'd" may be "I had".
            is_auxiliary = self.parsed.deps[child] not in _CLAUSES  # not "because it must"
            if word in modalities and self.parsed.tags[child] == "MD" and is_auxiliary:
                is_denial = is_negative and modalities[word] != "requested"
                return "" if is_denial and word not in {"may", "might"} else modalities[word]
        return ""

    def _is_headline(self, verb: int) -> bool:
        """Return whether a sentence is a name and an infinitive: "Acme to buy Globex"."""
        first, _ = self.find_sentence(verb)
        subject = self.find_subject(verb)
        return (
            self.parsed.heads[verb] == verb
            and subject in self.names
            and self.parsed.lowers[subject + 1 : verb] == ["to"]
            and set(range(first, subject)) <= set(self.names)
        )

    def _read_condition(self, verb: int) -> str:
        """Return whether a condition limits a predicate, unless it only introduces a remark.

        "If you need help: Ada fixes bikes" says what Ada does.
        """
        for child, word in self.find_cues(verb):
            dep = self.parsed.deps[child]
            is_clause = dep == "advcl" or (dep == "ccomp" and child < verb)
            is_condition = (dep in {"advcl", "prep"} and word in get_words("conditionals")) or (
                is_clause and self._read_mark(child) == "supposed"
            )
            if not is_condition or not self.list_cues(child).isdisjoint({"even", "because"}):
                continue
            subject = self.find_subject(child)
            words = {word, *(self.list_cues(child) if word in FORMS_OF_BE else ())}
            is_remark = not words.isdisjoint(get_verb_forms("remarks")) and subject >= 0
            if not is_remark or self.parsed.lowers[subject] not in get_words("addressees"):
                return "supposed"
        return ""

    def read_phrase(self, token: int) -> str:
        """Return what the words above the end of a relation say: "a former member of X"."""
        adverbs = get_modalities("adverbs")
        for _ in range(_PHRASE_DEPTH):
            if self.parsed.deps[token] not in _PHRASE_LINKS:
                break
            token = self.parsed.heads[token]
            if self.parsed.tags[token].startswith("VB"):
                break
            cues = self.list_cues(token)
            is_former = self.parsed.lowers[max(0, token - 2) : token] == ["ex", "-"]
            if is_former or not cues.isdisjoint({"former", "once", "then"}):
                return "past"
            if not adverbs.keys().isdisjoint(cues):
                return next(adverbs[cue] for cue in sorted(cues) if cue in adverbs)
        return ""

    def read_condition_of_sentence(self, token: int) -> str:
        """Return `supposed` where the main verb of a sentence has a condition.

        "If Tom gets the grant he studies at Leiden": the parser took the second verb for a noun.
        """
        first, end = self.find_sentence(token)
        roots = (i for i in range(first, end) if self.parsed.heads[i] == i)
        is_condition = any(self._read_mark(root) == "supposed" for root in roots)
        return "supposed" if is_condition else ""

    def is_end_denied(self, token: int, predicate: int) -> bool:
        """Return whether the phrase of a relation's end is denied: "not by X", "neither X nor Y".

        Args:
            token: The end's token.
            predicate: The predicate of the relation. A phrase that depends on another one does not
                count.
        """
        verbs = set(self._list_verbs_with_same_subject(predicate))
        is_denied = False
        for _ in range(_PHRASE_DEPTH):
            if token in verbs:
                return is_denied
            head, dep = self.parsed.heads[token], self.parsed.deps[token]
            is_denied |= self._is_phrase_denied(token)
            if token == head or dep not in _PHRASE_LINKS:
                return False
            if dep == "conj" and "but" in self.parsed.lowers[head + 1 : token]:
                # In "not X but Y" and "does not use X but Y", the negation is that of X.
                return is_denied ^ self.has_negation(predicate)
            token = head
        return False

    def _list_verbs_with_same_subject(self, verb: int) -> Iterator[int]:
        yield verb
        for _ in range(_PHRASE_DEPTH):
            if self.parsed.deps[verb] not in _SHARED_SUBJECT:
                return
            verb = self.parsed.heads[verb]
            yield verb

    def _is_phrase_denied(self, token: int) -> bool:
        lowers, denials = self.parsed.lowers, get_words("denying_prepositions")
        if lowers[token] in denials:
            return True
        first = token
        for child, word in self.find_cues(token):
            if child > token:
                break
            if word in get_words("negative_determiners") | get_words("negations"):
                return not self._is_focus(child)
            if word in denials or (word == "even" and "not" in self.list_cues(child)):
                return True
            if self.parsed.deps[child] in _MODIFIERS:
                first = min(first, child)
        # Not so in "I tried everything but Kafka does not start".
        is_clause = self.parsed.deps[self.parsed.heads[token]] == "conj"
        is_clause = is_clause and self.parsed.deps[token] in NOMINAL_SUBJECTS
        if not is_clause and self.is_exception(first):
            return True
        if self.parsed.deps[token] == "conj":
            between = set(lowers[self.parsed.heads[token] + 1 : token])
            if between & {"nor", "instead"} or {"rather", "than"} <= between:
                return True
        is_before = lowers[first - 1 : first] == ["not"]
        return is_before and lowers[self.parsed.heads[first - 1]] not in FORMS_OF_BE
