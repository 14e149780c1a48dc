"""Labels that announce the type of a name: keys of JSON, headings of tables, "Attendees:"."""

import re
from collections.abc import Sequence

from mcp_context_persistence.ingest.extraction.rule_data import get_words
from mcp_context_persistence.kg.identifiers import split_name

_KINDS = ("person", "organization", "location", "library", "technology", "product")
_LABEL_WORD = re.compile(r"[^\W\d_]+")
_WORDS_BEFORE_LABEL = frozenset({"name", "names", "title", "full", "display"})
_LABELS = {kind: get_words(f"{kind}_labels") for kind in _KINDS}
# Firms and places have no such columns.
_PEOPLE_COLUMNS = frozenset(
    {
        *("age", "birthday", "birthdate", "born", "date of birth", "department", "dob", "e-mail"),
        *("email", "employer", "gender", "hobby", "job", "job title", "position", "role", "salary"),
    }
)
_FULL_NAME_LABELS = frozenset({"full name", "fullname", "first name", "last name", "surname"})


def read_label(label: str) -> str:
    """Return the type of what a key or a heading announces: "companyName" an organization."""
    words = [word.lower() for word in _LABEL_WORD.findall(split_name(label))]
    if " ".join(words) in _FULL_NAME_LABELS:
        return "person"
    while len(words) > 1 and words[-1] in _WORDS_BEFORE_LABEL:
        words.pop()
    last = words[-1] if words else ""
    for kind, labels in _LABELS.items():
        if last in labels or (last.endswith("s") and last[:-1] in labels):
            return kind
    return ""


def read_headings(headings: Sequence[str]) -> list[str]:
    """Return the headings of a table, "person" for "Name" where another column is about people."""
    words = {heading.strip().lower() for heading in headings}
    if words.isdisjoint(_PEOPLE_COLUMNS):
        return list(headings)
    return [
        "person" if heading.strip().lower() in {"name", "names"} else heading
        for heading in headings
    ]
