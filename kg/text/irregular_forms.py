"""Irregular forms of English words, which no stem has in common: "choose" and "chose"."""

from collections.abc import Iterable
from functools import cache

FORM_WEIGHT = 0.5  # of another form in a search, against the word itself
# Forms that are also common words of another meaning are left out, such as "rose" and "ground".
IRREGULAR_VERBS = {
    "arise": "arose arisen", "beat": "beat beaten", "become": "became", "begin": "began begun",
    "bend": "bent", "bet": "bet", "bite": "bit bitten", "bleed": "bled", "blow": "blew blown",
    "break": "broke broken", "breed": "bred", "bring": "brought", "build": "built",
    "burn": "burnt", "buy": "bought", "catch": "caught", "choose": "chose chosen",
    "come": "came", "creep": "crept", "cut": "cut", "deal": "dealt", "dig": "dug",
    "draw": "drew drawn", "dream": "dreamt", "drink": "drank drunk", "drive": "drove driven",
    "eat": "ate eaten", "fall": "fell fallen", "feed": "fed", "feel": "felt",
    "fight": "fought", "find": "found", "flee": "fled", "fly": "flew flown",
    "forbid": "forbade forbidden", "forget": "forgot forgotten", "forgive": "forgave forgiven",
    "freeze": "froze frozen", "get": "got gotten", "give": "gave given",
    "go": "went gone goes", "grow": "grew grown", "hang": "hung", "have": "had has",
    "hear": "heard", "hide": "hid hidden", "hold": "held", "keep": "kept", "kneel": "knelt",
    "know": "knew known", "lead": "led", "learn": "learnt", "leave": "left", "lend": "lent",
    "lie": "lay lain lying", "lose": "lost", "make": "made", "mean": "meant", "meet": "met",
    "pay": "paid", "quit": "quit", "read": "read", "ride": "rode ridden", "ring": "rang rung",
    "rise": "risen", "run": "ran", "say": "said", "see": "saw seen", "seek": "sought",
    "sell": "sold", "send": "sent", "set": "set", "shake": "shook shaken", "shine": "shone",
    "shoot": "shot", "show": "shown", "shrink": "shrank shrunk", "sing": "sang sung",
    "sink": "sank sunk", "sit": "sat", "sleep": "slept", "slide": "slid",
    "speak": "spoke spoken", "spend": "spent", "spin": "spun", "split": "split",
    "stand": "stood", "steal": "stole stolen", "stick": "stuck", "sting": "stung",
    "strike": "struck stricken", "strive": "strove striven", "swear": "swore sworn",
    "sweep": "swept", "swim": "swam swum",
    "swing": "swung", "take": "took taken", "teach": "taught", "tear": "tore torn",
    "tell": "told", "think": "thought", "throw": "threw thrown", "understand": "understood",
    "wake": "woke woken", "wear": "wore worn", "weave": "wove woven", "weep": "wept",
    "win": "won", "withdraw": "withdrew withdrawn", "write": "wrote written",
}  # fmt: skip
_NOUNS = {
    "child": "children", "foot": "feet", "goose": "geese", "knife": "knives", "man": "men",
    "mouse": "mice", "person": "people", "tooth": "teeth", "wife": "wives", "woman": "women",
}  # fmt: skip
_VOWELS = "aeiou"
_UNDOUBLED = "wxy"  # at the end of a word


def list_other_forms(word: str) -> tuple[str, ...]:
    """Return all other forms of an English word that has irregular ones, else nothing.

    Args:
        word: In lower case, in any form: "chose", "choose", "chooses" or "choosing".
    """
    return tuple(form for form in _read_forms().get(word, ()) if form != word)


def find_forms(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the other forms of those words that have irregular ones."""
    return {word: forms for word in words if (forms := list_other_forms(word))}


@cache
def _read_forms() -> dict[str, tuple[str, ...]]:
    """Return all forms of each form."""
    groups = [dict.fromkeys(pair) for pair in _NOUNS.items()]
    groups += [
        dict.fromkeys([verb, *forms.split(), add_s(verb), _add_ing(verb)])
        for verb, forms in IRREGULAR_VERBS.items()
    ]
    forms: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for form in group:
            forms.setdefault(form, tuple(group))
    return forms


def add_s(verb: str) -> str:
    """Return the third person singular of a verb."""
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if verb[-1] == "y" and verb[-2] not in _VOWELS else f"{verb}s"


def _add_ing(verb: str) -> str:
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    if verb.endswith("e"):
        return f"{verb}ing" if verb.endswith("ee") else f"{verb[:-1]}ing"
    before, vowel, last = tuple(verb.replace("qu", "q")[-3:].rjust(3))
    is_short = before not in _VOWELS and vowel in _VOWELS and last not in _VOWELS + _UNDOUBLED
    return f"{verb}{last}ing" if is_short else f"{verb}ing"
