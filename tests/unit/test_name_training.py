"""Test the labeled names of our own texts, and how the weights that score names are learned."""

import json

import numpy as np
import pytest

from bench.files import ROOT
from bench.quality.name_training import OWN_FILES, Examples, learn, read_texts
from bench.quality.names import KEPT_FILE, measure_names
from mcp_context_persistence.ingest.extraction.name_scores import CLASSES

DATA = ROOT / "bench" / "data"
FILES = ("names_dev.jsonl", "names_kept.jsonl")
TYPES = {"person", "organization", "location", "product", "technology", "event", "other"}


def read_rows(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", FILES)
def test_every_label_is_a_name_in_its_text_with_a_known_type(name):
    for row in read_rows(name):
        names = [entity["name"] for entity in row["entities"]]
        assert len(set(names)) == len(names), row
        assert all(label in row["text"] for label in names), row
        assert {entity["type"] for entity in row["entities"]} <= TYPES, row


def test_no_text_is_in_both_halves():
    learned, kept = ({row["text"] for row in read_rows(name)} for name in FILES)
    assert learned.isdisjoint(kept)


def test_the_names_of_the_development_half_are_learned_and_no_kept_text():
    files = {name for names in OWN_FILES.values() for name in names}
    assert "names_dev.jsonl" in files
    assert not any("_kept" in name for name in files)


def test_the_places_of_labeled_names_are_read():
    labels = {(entity["name"], entity["type"]) for row in read_rows(FILES[0])
              for entity in row["entities"]}  # fmt: skip
    read = {
        (document.text[start:end], kind)
        for document in read_texts(DATA / FILES[0])
        for start, end, kind in document.spans
    }
    assert len(labels - read) <= 0.01 * len(labels)
    assert read <= labels


def test_what_is_found_is_counted_by_type(extractor, tmp_path):
    row = {
        "text": "Angela Merkel lives in Berlin.",
        "entities": [
            {"name": "Angela Merkel", "type": "person"},
            {"name": "Berlin", "type": "product"},
        ],
    }
    file = tmp_path / KEPT_FILE.name
    file.write_text(json.dumps(row), encoding="utf-8")
    errors = []
    counts = measure_names(file, extractor, errors)
    assert counts["person"] == {"labeled": 1, "found": 1, "right": 1, "wrong": 0}
    assert counts["product"] == {"labeled": 1, "found": 1, "right": 0, "wrong": 0}
    assert counts["location"]["wrong"] == 1
    assert [line.split(" |")[0] for line in errors] == [
        "missed ('berlin', 'product')",
        "wrong ('berlin', 'location')",
    ]


def test_weights_that_were_learned_tell_the_classes_of_words():
    classes = np.array([0, CLASSES.index("person"), CLASSES.index("event")] * 20)
    features = np.eye(len(CLASSES), dtype=np.float32)[classes]
    weights = learn({"own": Examples(np.tile(features, (20, 1)), np.tile(classes, 20))})
    assert ((features @ weights[:-1] + weights[-1]).argmax(axis=1) == classes).all()


def test_names_that_a_set_does_not_label_are_filled_in():
    """A set may label all events as names of other types; ours say what they are."""
    event, other = CLASSES.index("event"), CLASSES.index("other")
    shapes = np.eye(len(CLASSES), dtype=np.float32)
    known = np.array([0, event, other] * 400)
    unknown = np.array([0, other] * 2000)
    looks = np.where(unknown == other, event, 0)
    own = Examples(shapes[known], known)
    public = Examples(shapes[looks], unknown)
    weights = learn({"names": own, "wikigold.conll": public})
    assert (shapes[event] @ weights[:-1] + weights[-1]).argmax() == event
    weights = learn({"names": own, "another": public})
    assert (shapes[event] @ weights[:-1] + weights[-1]).argmax() == other
