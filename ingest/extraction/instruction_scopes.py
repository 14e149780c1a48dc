"""When an instruction applies, and what it says about whom."""

import re

from mcp_context_persistence.ingest.extraction.instruction_vocabulary import DIET
from mcp_context_persistence.kg.text.stemming import stem_word
from mcp_context_persistence.kg.text.stop_words import read_stop_words
from mcp_context_persistence.kg.text.terms import tokenize

ASSISTANT, USER = "assistant", "user"
MAX_TOPIC_CHARACTERS = 500
_WHEN = re.compile(
    r"\b(?:when(?:ever)?|every ?time|each time|any ?time|if)\s+(?:that )?"
    r"(?:(?:i|we|you)(?:'m|’m|'re|’re| am| are)?\s+)"
    r"(?:(?:specifically|explicitly|again|ever|want to|need to|would like to)\s+)*"
    r"(?:(?:ask|asking|request|requesting|inquire|inquiring|query|mention|mentioning|bring up|talk|"
    r"talking|say|speak|speaking|discuss|discussing|need|want)\b\s*)?"
    r"(?:(?:you|me|help|questions?|any|for help|to know|something|anything)\s+)*"
    r"(?:(?:for|about|to|on|regarding|with|of)\s+)?(?P<topic>[^,;.?!\n]{3,})",
    re.IGNORECASE,
)
_FOR = re.compile(
    r"^(?:\W*(?:also|and|so|please)\b[\s,]*)*(?:for|in|with|on|regarding|concerning) "
    r"(?!(?:all|any|every|each|your|my|the|future|general|this|that|now)\b)"
    r"(?P<topic>[^,;.?!]{3,80}?)(?: questions?| tasks?| requests?)?,",
    re.IGNORECASE,
)
# What concerns every answer, whatever it is about.
_ABOUT_ANSWERS = re.compile(
    r"\b(?:your|you|answers?|repl(?:y|ies)|responses?|explanations?|tone|emojis?|metric|imperial|"
    r"language|bullet[- ]points?|call(?:ed)? me|my name|pronouns|time ?zone)\b",
    re.IGNORECASE,
)
_EXCLUSION = re.compile(
    r"i (?:don['’]t|do not|can['’]t|cannot|never|no longer|only)\b", re.IGNORECASE
)
_TOPIC_FRAME = re.compile(
    r"^(?:remember(?: that)?\s+)?(?:(?:i|my)(?:['’]\w+)?(?: \w+){0,2}? "
    r"(?:prefer(?:red|ence)?|favou?r|hate|dislike|detest|loathe|can['’]t stand|cannot stand)"
    r"(?: (?:is|for|has))?|i['’]m|i am|my|i)\s+",
    re.IGNORECASE,
)
# The value of what is set: a later value of the same replaces it.
_DIMENSIONS = {
    "language": r"(?:answer|reply|respond|write|speak|talk)\w*\b.{0,30}\bin (?:english|german|"
    r"french|spanish|italian|portuguese|dutch|russian|chinese|japanese|korean|"
    r"arabic|hindi|turkish|polish)",
    "length": r"(?:short|long|brief|concise|detailed|verbose|lengthy|terse|thorough)\w* "
    r"(?:\w+ ){0,2}(?:answers?|repl(?:y|ies)|responses?|explanations?|summar(?:y|ies))|"
    r"(?:answers?|replies|responses|explanations) (?:short|long|brief|concise|detailed)|"
    r"(?:answers?|replies|responses|explanations|summaries) "
    r"(?:under|below|within|to|at|at most|up to|no longer than|shorter than) (?:\d+|\w+) "
    r"(?:words|sentences|lines|paragraphs|characters)",
    "tone": r"(?:formal|informal|casual|friendly|professional|neutral|playful)\w* "
    r"(?:tone|style|language)",
    "units": r"(?:metric|imperial|celsius|fahrenheit|kilomet\w+|miles)",
    "form of address": r"(?<!n't )(?<!nt )(?<!not )(?<!never )(?:call|address|refer to) me "
    r"(?:as )?\w+",
}
_DIMENSION = re.compile(
    r"\b(?:"
    + "|".join(f"(?P<d{n}>{words})" for n, words in enumerate(_DIMENSIONS.values()))
    + r")\b",
    re.IGNORECASE,
)
# An attribute of the user, with its value behind it.
_ATTRIBUTE = re.compile(
    r"\bmy (?P<attribute>[\w' -]{2,60}?)(?:'s name)? (?:is|are)\b"
    rf"(?! (?:an? )?(?:\w+ly )?{DIET})|"
    r"\bi(?:'ve|'m)? (?:currently |now |just |recently )?"
    r"(?P<verb>live in|moved to|based in|work|was born|started|(?:got|landed|accepted|took|have) "
    r"(?:an? |my )?(?:[\w-]+ ){0,2}?(?:job|position|role)|quit|(?:left|lost) my (?:[\w-]+ )?job)\b",
    re.IGNORECASE,
)
_ATTRIBUTES_OF_VERBS = {
    **dict.fromkeys(("moved", "based"), "live in"),
    **dict.fromkeys(
        ("started", "got", "landed", "accepted", "took", "have", "quit", "left", "lost"), "work"
    ),
}
_FIRST_PERSON = re.compile(r"\bi\b", re.IGNORECASE)
_COMPARED = re.compile(
    r"\bprefer\w*\s+(?:(?P<first>[^,;]{2,60}?) (?:over|rather than|instead of) "
    r"(?P<second>[^,.;]{2,60})|(?P<one>[\w-]+) to (?P<other>[\w-]+)\W*$)",
    re.IGNORECASE,
)
_POLARITY = frozenset(
    {"always", "never", "please", "prefer", "want", "like", "now", "forward", "going", "future",
     "really", "make", "sure", "remember", "don", "dont", "ask", "rather", "anymore", "stop"}
)  # fmt: skip


def find_topic(text: str, kind: str) -> str:
    """Return the topic for which an instruction applies; empty if it applies always.

    What a user prefers is its own topic, unless it concerns all answers. What a user is, and what
    they do not eat, drink or use, applies always: "allergic to nuts" has little in common with
    "suggest a dish".
    """
    match = _WHEN.search(text) or _FOR.search(text)
    if match:
        return match["topic"].strip()[:MAX_TOPIC_CHARACTERS]
    if kind != "preference" or _ABOUT_ANSWERS.search(text) or _EXCLUSION.match(text):
        return ""
    return (_TOPIC_FRAME.sub("", text, count=1) or text)[:MAX_TOPIC_CHARACTERS]


def find_address(text: str, kind: str, topic: str) -> tuple[str, str]:
    """Return the subject of an instruction and its attribute.

    The attribute does not depend on the value or on "always" and "never", so that a later sentence
    with another value has the same one. If no attribute is recognized, it is the words themselves.
    """
    plain = text.replace("’", "'")
    subject = ASSISTANT if kind == "instruction" else USER
    own_attribute = _ATTRIBUTE.search(plain) if kind != "instruction" else None
    # "I'm vegan, and my wife is called Ada" is not about the wife.
    if own_attribute and not _FIRST_PERSON.search(plain[: own_attribute.start()]):
        attribute = own_attribute["attribute"] or own_attribute["verb"]
        if own_attribute["verb"]:
            attribute = _ATTRIBUTES_OF_VERBS.get(attribute.lower().split()[0], attribute)
        return subject, " ".join(_list_stems(attribute)) or attribute.lower()
    if dimension := _DIMENSION.search(plain):
        name = list(_DIMENSIONS)[int(str(dimension.lastgroup)[1:])]
        subject = USER if name == "form of address" else ASSISTANT
        condition = _WHEN.search(plain) or _FOR.search(plain)
        stems = _list_stems(condition["topic"]) if condition and topic else []
        return subject, " ".join([name, *stems])
    if compared := _COMPARED.search(plain):
        first, second = (
            (compared["first"] or compared["one"]),
            (compared["second"] or compared["other"]),
        )
        ends = _list_stems(first)[-1:] + _list_stems(second)[-1:]
        if len(ends) == 2:
            return subject, " or ".join(sorted(ends))
    return subject, describe_words(plain)


def describe_words(text: str) -> str:
    """Return an attribute that only the same words have: their stems."""
    return " ".join(_list_stems(text)) or text.lower()


def _list_stems(text: str) -> list[str]:
    """Return the stems of the content words, each once, in their order."""
    function_words = read_stop_words("en") | _POLARITY
    return list(
        dict.fromkeys(
            stem_word(token.text, "en")
            for token in tokenize(text)
            if token.role == "part" and token.text.lower() not in function_words
        )
    )
