"""Finds where the author's own words end and a pasted text begins."""

import re

# A line that ends with a colon and announces a text of somebody else, or one to work on.
_INTRODUCTION = re.compile(
    r"^(?=.{0,300}:[ \t]*$)(?!.*\b(?:rules|preferences|instructions) for you\b)"
    r"(?=.*\b(?:here(?:'s|’s| is| are| was)|below|following|this (?:is|was)|these are|pasted?|"
    r"(?:e-?mail|letter|article|document|text|transcript|review|post|page|prompt|log|message|notes?|"
    r"output|error|readme|paragraph|essay|draft|policy|chat|says|said|reads|wrote|writes)\b)).*$",
    re.IGNORECASE | re.MULTILINE,
)
# A line that somebody writes of their own rules, also with a colon at its end.
_OWN_LIST = re.compile(
    r"\b(?:my (?:preferences|rules|wishes|instructions)|follow these|these (?:rules|instructions|"
    r"preferences)|(?:following|these) (?:rules|instructions|preferences)|from now on|always)\b",
    re.IGNORECASE,
)
# The first line of a letter, of the header of a mail, of a system prompt or of a transcript.
_FOREIGN_START = re.compile(
    r"^(?:(?:from|to|subject|date|sent|cc):\s|dear\s+\S|-{3,}\s*(?:forwarded|original) message|"
    r"(?:user|assistant|system|human|ai|bot|agent|customer|tool)\s*:|"
    r"\[?(?:system|inst)\]|you are an? )",
    re.IGNORECASE | re.MULTILINE,
)


def find_own_end(text: str) -> int:
    """Return where a text that the author pasted begins; the end of the text if there is none."""
    ends = [match.start() for match in _FOREIGN_START.finditer(text)]
    ends += [
        match.end()
        for match in _INTRODUCTION.finditer(text)
        if match.end() < len(text.rstrip()) and not _OWN_LIST.search(match[0])
    ]
    return min(ends, default=len(text))
