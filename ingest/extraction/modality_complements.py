"""What words make of their complements: "plans to use", "the claim that", "is unlikely"."""

from mcp_context_persistence.ingest.extraction.modality_cues import CueReader
from mcp_context_persistence.ingest.extraction.modality_words import (
    FORMS_OF_BE,
    get_modalities,
    get_verb_forms,
    get_words,
)

FACTIVE = "factive"  # The clause is a fact, whatever is said about the governor: "did not know".
PREMISE = "premise"  # Nothing above counts: "Suppose Kafka uses Redis".


class ComplementReader(CueReader):
    """Reads what the words of one text say about the clauses and verbs that depend on them."""

    def classify_word(self, token: int) -> str:
        """Return the modality that a word gives to its complement, or an empty string."""
        word, tag = self.parsed.lowers[token], self.parsed.tags[token]
        if tag[0] == "N" and "dream" in self.list_cues(token):
            return "wished"  # "Ada's dream job"
        section = {"N": "nouns", "V": "verbs", "M": "verbs"}.get(tag[0], "adjectives")
        modality = get_modalities(section).get(word, "")
        return modality or (get_modalities("adjectives").get(word, "") if tag == "VBN" else "")

    def classify_complement(self, head: int, token: int) -> str:
        """Return what a word makes of a clause or verb that depends on it."""
        word = self.parsed.lowers[head]
        if word in FORMS_OF_BE:
            return self.classify_copula(head, token)
        if word in get_words("conditionals"):
            return PREMISE
        if word == "it":
            return self.classify_subject(self.parsed.heads[head])  # "Rumor has it that"
        if self.parsed.tags[head].startswith("VB"):
            return self._classify_verb(head, token)
        return (
            self._classify_infinitive(head)
            if self.has_to(token)
            else (self.classify_word(head) or self._classify_content(head, token))
        )

    def _classify_content(self, noun: int, token: int) -> str:
        """Return what a noun makes of what it says: "the notion that", but "the fact that"."""
        is_noun = self.parsed.tags[noun] in {"NN", "NNS"}
        word, facts = self.parsed.lowers[noun], get_words("factive_nouns")
        if not is_noun or "that" not in self.list_cues(token):
            return ""
        if word in get_words("secrets"):
            return FACTIVE
        if word not in facts and word.removesuffix("s") not in facts:
            return "supposed"
        # Nothing above counts: "in view of the fact that"
        return FACTIVE if word == "fact" and self.parsed.deps[noun] == "pobj" else ""

    def _classify_infinitive(self, noun: int) -> str:
        """Return what a noun makes of an infinitive: "the right to use"."""
        if "too" in self.list_cues(noun):
            return "denied"  # "too small to buy"
        word = self.parsed.lowers[noun]
        modality = get_modalities("nouns_before_to").get(word) or self.classify_word(noun)
        # "Ada longs to lead it": the parser takes the verb for a noun.
        is_verb = self.parsed.heads[noun] == noun and self.parsed.tags[noun] == "NNS"
        return modality or (get_modalities("verbs").get(word, "") if is_verb else "")

    def _classify_verb(self, verb: int, token: int) -> str:
        word, dep, has_to = self.parsed.lowers[verb], self.parsed.deps[token], self.has_to(token)
        modality = "" if self.is_outstanding(token) else None  # "has yet to", not "has to"
        if modality is None:
            modality = self.classify_by_context(verb, has_to=has_to)
        if modality is not None:
            return modality
        if dep == "ccomp":
            if self.read_level(token).modality == "asked":
                return "asked"
            is_news = word == "guess" and self.parsed.lowers[verb + 1 : verb + 2] == ["what"]
            is_reason = self.parsed.tags[verb] in {"VBG", "VBN"} and (
                word in get_words("premises_of_facts") and self.find_subject(verb) < 0
            )
            is_informing = word in get_words("informing") and self.is_imperative(verb)
            is_informing |= self.parsed.lowers[max(0, verb - 1) : verb + 1] == ["rest", "assured"]
            is_informing = (
                is_informing and not self.has_negation(verb) and "that" in self.list_cues(token)
            )
            is_factive = word in get_verb_forms("factive") and not has_to
            above = self.parsed.lowers[self.parsed.heads[verb]]
            is_factive |= self.has_to(verb) and above in get_words("glad") | get_words("moved")
            is_factive |= self._is_left_unmentioned(verb)
            if is_news or is_reason or is_informing or is_factive:
                return FACTIVE
        section = "verbs_before_to" if has_to else "verbs_before_clauses"
        modality = get_modalities(section).get(word, self.classify_word(verb))
        if dep == "ccomp" and token > verb and "that" in self.list_cues(token):
            subject = self.find_subject(verb)
            is_about_it = subject >= 0 and self.parsed.lowers[subject] == "it"
            is_known = is_about_it or word in get_verb_forms("assertive")  # "it helps that"
            modality = modality or ("" if is_known else "reported")
        is_bare = self.parsed.tags[token] == "VB" and not has_to and not self.has_auxiliary(token)
        if modality == "reported" and is_bare:
            return "" if dep == "xcomp" else "requested"  # "suggested that Kafka use Redis"
        return modality or (self.classify_subject(verb) if dep == "ccomp" else "")

    def _is_left_unmentioned(self, verb: int) -> bool:
        """Return whether a verb says that a fact was kept back: "forgot to mention that"."""
        if self.parsed.lowers[verb] not in get_verb_forms("mentioning"):
            return False
        above = self.parsed.heads[verb]
        is_left = self.has_to(verb) and self.parsed.lowers[above] in get_verb_forms("cancelling")
        return is_left or self.read_level(verb, is_governor=True).is_negative

    def classify_by_context(self, verb: int, *, has_to: bool) -> str | None:
        """Return the modality of verbs for which other words than the complement decide."""
        word, cues = self.parsed.lowers[verb], self.list_cues(verb)
        if word in {"used", "use"} and has_to:
            deps = {self.parsed.deps[child] for child in self.parsed.children[verb]}
            return "past" if deps.isdisjoint({"auxpass", "dobj"}) else ""
        if word in get_verb_forms("verbs_of_preference"):
            return "wished" if self.has_would(verb) else ""
        phrasal_verbs = get_modalities("phrasal_verbs")
        for particle in sorted(cues):
            if f"{word} {particle}" in phrasal_verbs:
                return phrasal_verbs[f"{word} {particle}"]
        if word in get_words("conditional_imperatives") and self.is_let(verb):
            return PREMISE
        return None

    def classify_subject(self, verb: int) -> str:
        """Return what the subject makes of a clause: "the rumor goes that", "the film shows"."""
        subject = self.find_subject(verb)
        word = self.parsed.lowers[subject] if subject >= 0 else ""
        is_fiction = word.removesuffix("s") in get_words("fiction") and subject not in self.names
        return "supposed" if is_fiction else get_modalities("nouns").get(word, "")

    def classify_copula(self, verb: int, token: int) -> str:
        """Return what "is" makes of its complement: "is false that", "the plan is to"."""
        for child in self.parsed.children[verb]:
            dep = self.parsed.deps[child]
            if child == token or dep not in {"acomp", "attr", "prep", "advmod", "nsubj", "csubj"}:
                continue
            is_excess = self.has_to(token) and "too" in self.list_cues(child)
            modality = "denied" if is_excess else self.classify_word(child)
            if modality:
                return modality  # "is too early for Acme to buy Globex"
        # "Acme is to buy Globex", but not "the trick is to use Redis".
        is_arranged = self.has_to(token) and self.find_subject(verb) in self.names
        return "planned" if is_arranged else ""

    def has_would(self, verb: int) -> bool:
        """Return whether "would" is an auxiliary of a verb."""
        return not self.list_cues(verb).isdisjoint({"would", "'d", "’d"})
