"""Data in texts: what is recognized as no prose, and what is extracted from it."""

import base64
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_context_persistence.ingest.extraction.data_shapes import Shape, find_data
from mcp_context_persistence.ingest.extraction.extractor import Extraction, Extractor
from mcp_context_persistence.ingest.extraction.labels import read_label
from mcp_context_persistence.ingest.extraction.user_patterns import UserPatterns
from mcp_context_persistence.kg import limits

DATA = random.Random(5).randbytes(75_000)


def read(extractor: Extractor, text: str, patterns: UserPatterns | None = None) -> Extraction:
    extraction = next(iter(extractor.extract([text], patterns)))
    for mention in extraction.mentions:
        assert text[mention.start : mention.end] == mention.text
    return extraction


def list_shapes(text: str) -> list[tuple[str, str]]:
    return [(span.shape.value, text[span.start : span.end]) for span in find_data(text)]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ('{"user": null, "count": 3, "first_name": "Ines"}', Shape.JSON),
        ("[1, 2, 3, 4, 5, 6, 7]", Shape.JSON),
        ("{'a': 'b', 'c': [1, 2]}", Shape.JSON),
        ("WARN Checkout slow", Shape.LOG),
        ("npm ERR! code ERESOLVE\nnpm ERR! While resolving", Shape.LOG),
        ("2024-05-01T10:00:00Z INFO [main] c.a.Loader - started", Shape.LOG),
        ("Mar 04 02:11:09 gate sshd[20113]: Failed password for admin", Shape.LOG),
        ("level=info service=api msg=ready", Shape.LOG),
        ('Traceback (most recent call last):\n  File "a.py", line 3, in run', Shape.LOG),
        ("java.lang.IllegalStateException: no\n\tat com.a.B.run(B.java:12)", Shape.LOG),
        ("SELECT name FROM users\nWHERE id = 3\nORDER BY name", Shape.OPAQUE),
        ("select * from orders where total > 3;", Shape.OPAQUE),
        ("MATCH (p:Person) RETURN p", Shape.OPAQUE),
        ("diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b", Shape.CODE),
        ("| Billing API | Jana Novak | Open |", Shape.TABLE),
        ("a;b;c\n1;2;3\n4;5;6", Shape.TABLE),
        ("a|b|c\n1|2|3\n4|5|6", Shape.TABLE),
        ("town,age\nGraz,3\nLinz,5", Shape.TABLE),
        ("NAME     READY   AGE\napi-1    1/1     3d\ndb-0     0/1     4d", Shape.TABLE),
        ("import os\nimport sys", Shape.CODE),
        ("def run(self):\n    return 1", Shape.CODE),
        ("const total = items.reduce((a, b) => a + b);", Shape.CODE),
        ("$ pip install polars", Shape.CODE),
        ("DEBUG=1\nAPI_URL=http://x\nNAME=shop", Shape.OPAQUE),
        ("kind: Service\nmetadata:\n  name: api\n  labels:\n    app: shop", Shape.OPAQUE),
        ("Permission is hereby granted, free of charge, to any person", Shape.OPAQUE),
    ],
)
def test_data_is_recognized_by_its_shape(text: str, shape: Shape) -> None:
    assert list_shapes(text) == [(shape.value, text)]


@pytest.mark.parametrize(
    "text",
    [
        "We import wine from Chile; the class of 2010 liked it.",
        "Select a name from the list, then update the form.",
        "Warning signs: Ines was tired. Error after error happened.",
        "Attendees: Ines, Marek\n\n- Ines wrote the minutes\n- Marek calls Oslo",
        "1. Open the door\n2. Close it\n\nNotes:\n* first\n* second (done)",
        "On 2024-05-01 we met. From: Ines To: Marek",
        "If you want it, use it; while you wait, return the book.",
        "# Heading\n\nSome text with `code` and a | bar.",
        "Dear Ines,\nthank you for the tickets.\n\nBest,\nMarek",
        "Dear Ines,\nI am in Graz,\nsee you,\nMarek",
        "First we eat, then we go,\nthen we sleep, I think,\nand then, who knows, we sing.",
        "He said (and I agree): this is it.",
    ],
)
def test_prose_is_no_data(text: str) -> None:
    assert find_data(text) == []


def test_prose_around_data_stays_prose() -> None:
    text = 'The answer was {"id": 3, "name": "x"} and Ines was happy.\nimport os\n\nIt rained.'
    assert list_shapes(text) == [("json", '{"id": 3, "name": "x"}'), ("code", "import os")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"assignee": "Ines Duarte", "state": "open", "id": null}', {("Ines Duarte", "person")}),
        ('{"companyName": "Ostsee Kabel AG"}', {("Ostsee Kabel AG", "organization")}),
        ('{"city": "Aarhus", "count": 3}', {("Aarhus", "location")}),
        ("| Task | Owner |\n|---|---|\n| Docs | Ines Duarte |", {("Ines Duarte", "person")}),
        ("id;supplier;city\n1;Nordlicht AB;Solna\n2;Kern KG;Graz",
         {("Nordlicht AB", "organization"), ("Solna", "location"),
          ("Kern KG", "organization"), ("Graz", "location")}),
        ("no;name;bed\n1;Farah Siddiqui;A4\n2;Babajide Cole;B1\n3;Ines Duarte;B2",
         {("Farah Siddiqui", "person"), ("Babajide Cole", "person"), ("Ines Duarte", "person")}),
        ("no|owner|desk\n1|Ines Duarte|A4\n2|Olaf Berg|B1",
         {("Ines Duarte", "person"), ("Olaf Berg", "person")}),
        ('  File "app/views.py", line 12, in retrieve\nKeyError: 3',
         {("app/views.py", "file"), ("retrieve", "function"), ("KeyError", "class")}),
        ("import os\nimport sys", {("os", "library"), ("sys", "library")}),
        ("SELECT name FROM users JOIN orders", set()),
        ("ERROR Billing timeout", set()),
        ("QV55S-ZV66D-74AHV-MEHRZ-6ZUKT\nGJ9XQ-YCDHT-2KX8P-9WTRB-HQ3MD", set()),
        ("Attachment:\n" + base64.encodebytes(DATA[:3000]).decode(), set()),
        (DATA[:3000].hex(), set()),
    ],
)  # fmt: skip
def test_data_is_read_for_names_only(
    extractor: Extractor, text: str, expected: set[tuple[str, str]]
) -> None:
    extraction = read(extractor, text)
    assert {(mention.name, mention.type) for mention in extraction.mentions} == expected


def test_a_sentence_in_json_is_read(extractor: Extractor) -> None:
    extraction = read(extractor, '{"text": "Angela Merkel lives in Berlin.", "n": 1}')
    assert [(r.source, r.type, r.target) for r in extraction.relations] == [
        ("angela_merkel", "lives_in", "Berlin")
    ]


def test_patterns_of_the_user_find_names_in_data(extractor: Extractor) -> None:
    patterns = UserPatterns({"ticket": [r"\bOPS-\d+\b"]}, confidence=0.9)
    text = '{"tickets": ["OPS-1", "OPS-2"]}\n2024-05-01T10:00:00Z INFO OPS-3 done'
    mentions = read(extractor, text, patterns).mentions
    assert [(mention.name, mention.confidence) for mention in mentions] == [
        ("OPS-1", 0.9),
        ("OPS-2", 0.9),
        ("OPS-3", 0.9),
    ]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("owner", "person"),
        ("Observers", "person"),
        ("Who", "person"),
        ("full_name", "person"),
        ("companyName", "organization"),
        ("City", "location"),
        ("name", ""),
        ("status", ""),
        ("", ""),
    ],
)
def test_labels_announce_types(label: str, expected: str) -> None:
    assert read_label(label) == expected


def build_large_data() -> dict[str, str]:
    choose = random.Random(3)
    words = ["alpha", "beta", "gamma", "delta", "order", "Ines", "Marek", "Berlin", "Duarte"]
    rows = [
        {"id": i, "name": f"{choose.choice(words).title()} {choose.choice(words).title()}"}
        for i in range(3_000)
    ]
    return {
        "json": json.dumps(rows)[:100_000],
        "indented": json.dumps(rows, indent=2)[:100_000],
        "minified": "".join(f"function f{i}(t){{return t.x{i}||[]}};" for i in range(2_000)),
        "base64": base64.encodebytes(DATA).decode(),
        "hex": DATA[:50_000].hex(),
        "uri": "data:image/png;base64," + base64.b64encode(DATA * 2).decode(),
        "log": "\n".join(
            f"2024-05-01 10:00:00 INFO c.a.Foo{choose.choice(words).title()}Job - {i}"
            for i in range(2_000)
        ),
        "csv": "id,name\n" + "\n".join(f"{i},{choose.choice(words)} {i}" for i in range(6_000)),
        "numbers": " ".join(str(choose.random()) for _ in range(5_000)),
        "addresses": "\n".join(f"https://example.com/{i}?a={i}" for i in range(3_000)),
    }


@pytest.mark.parametrize("name", list(build_large_data()))
def test_large_data_has_few_entities(extractor: Extractor, name: str) -> None:
    text = build_large_data()[name]
    extraction = read(extractor, text)
    ids = {mention.entity_id for mention in extraction.mentions}
    assert len(ids) <= limits.ENTITIES_IN_DATA
    assert (not ids) or name not in {"base64", "hex", "uri", "minified", "numbers"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@settings(max_examples=60)
@given(
    st.one_of(
        st.dictionaries(st.text(max_size=6), json_values, min_size=1).map(json.dumps),
        st.binary(min_size=200, max_size=800).map(lambda data: base64.b64encode(data).decode()),
        st.binary(min_size=200, max_size=800).map(bytes.hex),
    )
)
def test_random_data_has_no_concepts(extractor: Extractor, text: str) -> None:
    extraction = read(extractor, text)
    assert all(mention.type != "concept" for mention in extraction.mentions)


@given(st.text(st.sampled_from("{}[]:,\"'\\\n |;=#`-abc1A.<>/ \t"), max_size=200))
def test_data_spans_are_in_order(text: str) -> None:
    end = 0
    for span in find_data(text):
        assert end <= span.start < span.end
        end = span.end
    assert end <= len(text)
