"""Known names of software, and the words that show that a text is about software."""

from functools import cache
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.rule_data import get_words, read_json


class SoftwareTerm(NamedTuple):
    """One name, its type, and whether it counts in any spelling and any context."""

    name: str
    type: str
    is_unambiguous: bool


@cache
def list_software_terms() -> tuple[SoftwareTerm, ...]:
    """Return all names of `software_terms.json`."""
    sections = read_json("software_terms.json")
    return tuple(
        SoftwareTerm(name, kind, section == "sure")
        for section in ("sure", "spelled")
        for kind, names in sections[section].items()
        for name in names
    )


@cache
def list_ambiguous_names() -> frozenset[str]:
    """Return the names that are ordinary words too, in the spelling in which they count."""
    return frozenset(term.name for term in list_software_terms() if not term.is_unambiguous)


@cache
def list_ambiguous_lowers() -> frozenset[str]:
    """Return the ambiguous names in lower case; before "library", they count in that spelling."""
    return frozenset(name.lower() for name in list_ambiguous_names())


@cache
def list_library_lowers() -> frozenset[str]:
    """Return the unambiguous names of libraries in lower case, and some common short forms."""
    return frozenset(
        term.name
        for term in list_software_terms()
        if term.is_unambiguous and term.type == "library"
    ) | {"np", "pd", "os", "sys"}


@cache
def list_term_lowers() -> frozenset[str]:
    """Return all names in lower case."""
    return frozenset(term.name.lower() for term in list_software_terms())


SIGNS = get_words("software_signs")
STRONG_SIGNS = SIGNS - get_words("weak_software_signs")
CUES = {
    cue: kind
    for kind, cues in {
        "class": "class classes subclass dataclass interface struct",
        "function": "method methods function functions decorator endpoint",
        "module": "module modules submodule",
        "library": "library libraries package packages sdk",
        "technology": "framework database compiler",
        "file": "file script",
        "project": "project repo repository codebase initiative",
    }.items()
    for cue in cues.split()
}
