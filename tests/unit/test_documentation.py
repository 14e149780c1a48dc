"""The pages refer to what exists: their links, and the contents of the decisions."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "cypher/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def make_anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def read_headings(page):
    return re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)


def leads_somewhere(page, target):
    name, _, anchor = target.partition("#")
    linked = page.parent / name if name else page
    if not linked.exists():
        return False
    return not anchor or anchor in map(make_anchor, read_headings(linked))


def test_every_link_of_a_page_leads_to_a_file_and_a_heading():
    targets = [
        (page, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if "://" not in target
    ]

    assert len(targets) > 100
    assert [pair for pair in targets if not leads_somewhere(*pair)] == []


def test_the_contents_of_the_decisions_have_every_heading_in_its_order():
    page = ROOT / "docs/decisions.md"
    contents = re.findall(r"^ *- (?:\*\*)?\[(.+)\]\(#", page.read_text(), re.MULTILINE)

    assert contents == read_headings(page)[1:]


def test_a_name_that_a_page_places_in_a_file_is_in_that_file():
    files = [
        path
        for folder in (
            "bench",
            "cypher",
            "ingest",
            "kg",
            "mcp_context_persistence",
            "queries",
            "tests",
        )
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".cypher"}
    ]
    claims = {
        (page.name, name.rpartition(".")[2], file)
        for page in PAGES
        for name, file in re.findall(
            r"`([A-Za-z_.]+)`(?: in| \()\s*`([\w./]+\.(?:py|cypher))`", page.read_text()
        )
    }

    assert len(claims) > 20
    assert [
        claim
        for claim in claims
        if not any(
            claim[1] in path.read_text() for path in files if path.as_posix().endswith(claim[2])
        )
    ] == []
