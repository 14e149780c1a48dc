"""What verbs say about their two ends: verbs and prepositions to the types of relations."""

import json
from functools import cache
from pathlib import Path
from typing import Any

_IRREGULAR = {
    "beat": "beat beaten", "break": "broke broken", "build": "built", "buy": "bought", "come": "came", "cut": "cut", "deal": "dealt",
    "draw": "drew drawn", "drink": "drank drunk", "drive": "drove driven", "eat": "ate eaten", "find": "found", "fly": "flew flown",
    "go": "went gone goes", "grow": "grew grown", "have": "had has", "hold": "held", "keep": "kept", "know": "knew known", "lead": "led",
    "learn": "learnt", "lie": "lay lain lying", "make": "made", "meet": "met", "read": "read", "run": "ran", "sell": "sold", "send": "sent",
    "set": "set", "show": "shown", "sit": "sat", "speak": "spoke spoken", "split": "split", "take": "took taken", "teach": "taught",
    "say": "said", "tell": "told", "think": "thought", "feel": "felt", "leave": "left", "lose": "lost", "bring": "brought", "give": "gave given",
    "get": "got gotten", "hear": "heard", "see": "saw seen", "spend": "spent", "sleep": "slept", "wake": "woke woken", "sing": "sang sung",
    "swim": "swam swum", "dream": "dreamt", "wear": "wore worn", "win": "won", "write": "wrote written", "quit": "quit", "forget": "forgot forgotten",
}  # fmt: skip
_DENYING = (
    "fail",
    "refuse",
    "stop",
    "quit",
    "avoid",
    "decline",
    "deny",
    "forget",
    "cease",
    "lack",
    "doubt",
    "reject",
    "abandon",
    "drop",
    "skip",
    "oppose",
)


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(
        Path(__file__).with_name("relation_verbs.json").read_text(encoding="utf-8")
    )
    return data


@cache
def _types(part: str) -> dict[str, str]:
    return {form: kind for kind, forms in _data()[part].items() for form in forms}


def verb_type(verb: str, preposition: str = "") -> str | None:
    """The relation's type for a verb, with the preposition before its object if there is one; ``None`` for an unlisted one."""
    return _types("verbs").get(f"{verb}+{preposition}" if preposition else verb)


def noun_type(noun: str, preposition: str) -> str | None:
    """The relation's type for a noun and its preposition, such as ``member`` and ``of``."""
    return _types("nouns").get(f"{noun}+{preposition}")


@cache
def relation_types() -> frozenset[str]:
    """Every type that this package can give to a relation. The set is closed: a server never forgets a relationship type."""
    return frozenset(
        {
            *_types("verbs").values(),
            *_types("nouns").values(),
            "related_to",
            "part_of",
            "used_for",
            "has",
        }
    )


def base(form: str) -> str:
    """The base form of a listed verb, or the form itself, both in lower case."""
    return _bases().get(form, form)


def denies(form: str) -> bool:
    """Whether the verb says that what follows is not so: "stopped using", "refused to join"."""
    return base(form) in _DENYING


def all_forms(verbs: frozenset[str]) -> frozenset[str]:
    """The verbs themselves and every form of theirs, regular and irregular."""
    irregular = {form for verb in verbs for form in _IRREGULAR.get(verb, "").split()}
    return verbs | irregular | {form for verb in verbs for form in (_third(verb), *_regular(verb))}


@cache
def third_person() -> frozenset[str]:
    """Third person singular of the listed verbs."""
    return frozenset(_third(verb) for verb in _verbs())


@cache
def _verbs() -> frozenset[str]:
    return frozenset({verb.partition("+")[0] for verb in _types("verbs")} | {"have", *_DENYING})


@cache
def _bases() -> dict[str, str]:
    bases: dict[str, str] = {}
    for verb in sorted(_verbs()):
        for form in (_third(verb), *_regular(verb)):
            bases.setdefault(form, verb)
    bases.update((verb, verb) for verb in _verbs())
    for verb, forms in _IRREGULAR.items():
        bases.update(dict.fromkeys(forms.split(), verb))
    return bases


def _third(verb: str) -> str:
    if verb.endswith(("s", "x", "z", "ch", "sh")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def _regular(verb: str) -> tuple[str, ...]:
    if verb.endswith("e"):
        return verb + "d", verb[:-1] + "ing"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied", verb + "ing"
    doubled = verb + verb[-1]
    return verb + "ed", verb + "ing", doubled + "ed", doubled + "ing"
