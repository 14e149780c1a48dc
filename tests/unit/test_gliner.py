"""Names found by a GLiNER model from a local folder, by the real package, and beside spaCy and the rules."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_context_persistence.ingest.extraction import gliner as gliner_recognizer
from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.extraction.gliner import (
    DEFAULT_TYPES,
    GlinerRecognizer,
    split_words,
)
from mcp_context_persistence.ingest.extraction.rule_data import get_confidence
from mcp_context_persistence.ingest.extraction.user_patterns import validate_patterns
from mcp_context_persistence.ingest.models import registry
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import NLPError

ROOT = Path(__file__).resolve().parents[2]
TEXT = "Ada Lovelace worked with Charles Babbage in London. The OrderParser class uses pandas."
# Reads a text where every connection is an error, and nothing says that there is no network.
ALONE = """
import socket, sys
def refuse(*_, **__): raise AssertionError("a connection was opened")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.extraction.gliner import GlinerRecognizer
found = next(iter(Extractor(recognizer=GlinerRecognizer(sys.argv[1])).extract(["Ada Lovelace lives in London."])))
print(any(one.extractor.startswith("gliner:") for one in found.mentions), file=sys.__stdout__)
"""


class Words:
    """Reads like a GLiNER model, and names what it is told to."""

    max_len, tokens = 60, 500

    def __init__(self, names):
        self.names, self.given = names, []
        self.data_processor = self.transformer_tokenizer = self.config = self

    def words_splitter(self, text):
        from gliner.data_processing.tokenizer import WhitespaceTokenSplitter

        return WhitespaceTokenSplitter()(text)

    def tokenize(self, word):
        return [word]

    def state_dict(self):
        return {}

    def inference(self, texts, labels, **_):
        self.given += texts
        return [
            [
                {
                    "start": text.index(name),
                    "end": text.index(name) + len(name),
                    "label": label,
                    "score": score,
                }
                for name, label, score in self.names
                if name in text
            ]
            for text in texts
        ]


def extractor(*names, labels=(), reading=None):
    """An extractor whose GLiNER model finds these names; a name, a label and a score each."""
    found = GlinerRecognizer("none", labels)
    model = reading or Words(names)
    found._model = registry.Lazy(
        lambda: gliner_recognizer._LoadedModel(model, model.max_len, model.tokens), lambda _: 0
    )
    return Extractor(recognizer=found)


def read(given, text, patterns=None):
    return {one.name: one for one in next(iter(given.extract([text], patterns))).mentions}


gliner = pytest.mark.skipif(
    not gliner_recognizer.is_installed(),
    reason="NO GLINER HERE: pip install 'mcp-context-persistence[gliner]'; reading by a GLiNER model is not tested",
)


@gliner
def test_a_real_model_adds_entities_and_its_scores_are_their_confidences(gliner_folder):
    from gliner import GLiNER

    plain = Extractor()
    both = Extractor(recognizer=GlinerRecognizer(str(gliner_folder), ["disease"]))
    text = f"{TEXT}\n\n```python\nclass Fenced: pass\n```\nIt rained, {'and rained, ' * 100}until noon."
    found = next(iter(both.extract([text]))).mentions
    theirs = [one for one in found if one.extractor.startswith("gliner:")]
    assert theirs
    labels = [kind.replace("_", " ") for kind in (*DEFAULT_TYPES, "disease")]
    said = GLiNER.from_pretrained(str(gliner_folder), local_files_only=True).inference(
        [TEXT], labels, threshold=0.5
    )[0]
    alone = [one for one in read(both, TEXT).values() if one.extractor.startswith("gliner:")]
    assert alone
    scores = {(one["label"], round(one["score"], 4)) for one in said}
    assert {(one.type.replace("_", " "), one.confidence) for one in alone} <= scores
    end = 0
    for one in found:
        assert text[one.start : one.end] == one.text
        assert one.start >= end
        assert 0 <= one.confidence <= 1
        assert len(one.entity_id.encode()) <= limits.IDENTIFIER_BYTES
        assert one.extractor.startswith("gliner:") == (
            one not in next(iter(plain.extract([text]))).mentions
        )
        end = one.end
    assert {one.name for one in found} >= {"Fenced", "OrderParser"}


@gliner
@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "```\ncode\n```",
        "x" * 5000,
        "日本語 " * 300,
        "\ud800 Ada",
        ". " * 900,
        "word\n" * 500,
    ],
)
def test_odd_texts_are_read_by_a_real_model(gliner_folder, text):
    for one in next(
        iter(Extractor(recognizer=GlinerRecognizer(str(gliner_folder))).extract([text]))
    ).mentions:
        assert text[one.start : one.end] == one.text


@gliner
def test_a_real_model_counts_and_is_let_go_of(gliner_folder):
    found = GlinerRecognizer(str(gliner_folder))
    reading = Extractor(recognizer=found)
    read(reading, "Ada")
    size = (gliner_folder / "model.safetensors").stat().st_size
    assert found._model.model_bytes == pytest.approx(size, rel=0.05)
    assert {found._model, reading._parser} <= set(registry.holders())
    registry.forget()
    assert (
        found._model.model_bytes == 0 < reading._parser.model_bytes
    )  # spaCy's are needed by every save
    assert isinstance(read(reading, "Ada"), dict)


@gliner
def test_nothing_is_asked_of_the_network(gliner_folder):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, gliner_folder],
        check=False,
        env={"PYTHONPATH": str(ROOT), "HOME": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@gliner
def test_the_order_of_trust(tmp_path):
    """The caller's patterns, the rules, GLiNER, spaCy, and nouns at last."""
    spacy = read(
        Extractor(),
        "Ada Lovelace met Charles Babbage in London. The OrderParser class uses pandas. Ticket OPS-7 waits.",
    )
    assert spacy["Ada Lovelace"].extractor == "ner:person"
    found = read(
        extractor(
            ("Ada Lovelace", "organization", 0.75), ("Charles", "product", 0.9), ("London", "location", 0.51), ("OrderParser", "person", 0.99),
            ("pandas", "group", 0.99), ("OPS-7", "product", 0.99), ("Ticket", "disease", 0.6), labels=["disease"],
        ),
        "Ada Lovelace met Charles Babbage in London. The OrderParser class uses pandas. Ticket OPS-7 waits.",
        validate_patterns({"ticket": [r"OPS-\d+"]}, 0.8),
    )  # fmt: skip
    told = {name: (one.type, one.extractor, one.confidence) for name, one in found.items()}
    assert told["Ada Lovelace"] == ("organization", "gliner:organization", 0.75)
    assert told["London"] == ("location", "gliner:location", 0.51)
    assert told["Charles"] == ("product", "gliner:product", 0.9)
    assert "Charles Babbage" not in told
    assert told["OrderParser"][0] == "class"
    assert told["pandas"][0] == "library"
    assert told["OPS-7"] == ("ticket", "pattern:ticket", 0.8)
    assert told["Ticket"] == ("disease", "gliner:disease", 0.6)
    assert told["OrderParser"][2] == get_confidence(told["OrderParser"][1])


@gliner
def test_labels_are_words_and_types_keep_their_spelling():
    model = Words([("Uno", "board game", 0.7)])
    found = read(extractor(labels=["board_game"], reading=model), "They played Uno.")
    assert (found["Uno"].type, found["Uno"].extractor) == ("board_game", "gliner:board_game")


@gliner
def test_names_are_trimmed_and_what_is_no_name_is_left_out():
    found = read(
        extractor(('"Zorbax,', "product", 0.7), ("...", "product", 0.7)),
        'He said "Zorbax, you know" ... and so on.',
    )
    assert found["Zorbax"].extractor == "gliner:product"
    assert all(any(c.isalnum() for c in name) for name in found)


@gliner
def test_a_long_text_is_read_in_parts_and_all_of_it():
    model = Words([])
    text = " ".join(f"Sentence {number} has a few words and ends here." for number in range(200))
    read(extractor(reading=model), text)
    assert "".join("".join(model.given).split()) == "".join(text.split())
    assert all(part.startswith("Sentence") and part.endswith(".") for part in model.given)
    assert all(len(list(model.words_splitter(part))) <= Words.max_len for part in model.given)


@gliner
@pytest.mark.parametrize(
    "wrong",
    [
        {"start": 0, "end": 3, "label": "planet", "score": 0.7},
        {"start": -1, "end": 3, "label": "person", "score": 0.7},
        {"start": 3, "end": 3, "label": "person", "score": 0.7},
        {"start": 0, "end": 99, "label": "person", "score": 0.7},
        {"start": 0, "end": 3, "label": "person", "score": 1.01},
        {"start": 0, "end": 3, "label": "person", "score": float("nan")},
        {"start": 0, "end": 3, "label": "person", "score": "s3cret"},
        {},
        RuntimeError("s3cret"),
        MemoryError(),
    ],
)
def test_what_is_no_span_is_an_error(wrong):
    class Wrong(Words):
        def inference(self, texts, labels, **_):
            if isinstance(wrong, Exception):
                raise wrong
            return [[wrong] for _ in texts]

    with pytest.raises(NLPError, match="GLiNER") as caught:
        read(extractor(reading=Wrong([])), "Ada lives.")
    assert "s3cret" not in str(caught.value)


def test_a_missing_package_is_one_error_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "gliner", None)
    with pytest.raises(
        NLPError,
        match=r"^gliner_model needs the package gliner; "
        r'pip install "mcp-context-persistence\[gliner\]"$',
    ):
        read(Extractor(recognizer=GlinerRecognizer("/anything")), "Ada lives.")


@gliner
@pytest.mark.parametrize("name", ["/nowhere/at/all", "nobody/nothing", "nothing", "not a name"])
def test_a_missing_model_is_one_clear_error(name):
    with pytest.raises(NLPError, match=r"not on this machine.*gliner_model.*hf download") as caught:
        read(Extractor(recognizer=GlinerRecognizer(name)), "Ada lives.")
    assert name not in str(caught.value)


def spoil(file, **changes):
    found = json.loads(file.read_text())
    for place, value in changes.items():
        inner, _, key = place.rpartition("__")
        (found[inner] if inner else found)[key] = value
    file.write_text(json.dumps(found))


@gliner
@pytest.mark.parametrize(
    ("file", "changes", "told"),
    [
        ("gliner_config.json", {"encoder_config": None}, "save_pretrained"),
        ("gliner_config.json", None, "not on this machine"),
        ("tokenizer_config.json", None, "save_pretrained"),
        ("model.safetensors", None, "cannot be loaded"),
        ("gliner_config.json", {"labels_encoder": "x"}, "one encoder"),
        ("gliner_config.json", {"labels_decoder": "x"}, "one encoder"),
        ("gliner_config.json", {"relations_layer": "x"}, "one encoder"),
        ("gliner_config.json", {"words_splitter_type": "stanza"}, "white space"),
        (
            "gliner_config.json",
            {"encoder_config__auto_map": {"AutoModel": "evil.M"}},
            "code of its own",
        ),
        ("gliner_config.json", {"auto_map": {"AutoModel": "evil.M"}}, "code of its own"),
        (
            "tokenizer_config.json",
            {"auto_map": {"AutoTokenizer": ["evil.T", None]}},
            "code of its own",
        ),
        (
            "gliner_config.json",
            {"encoder_config__max_position_embeddings": 40},
            "gliner_labels|cannot be loaded",
        ),
    ],
)
def test_a_folder_that_would_need_more_than_it_has_is_refused(
    gliner_folder, tmp_path, file, changes, told
):
    folder = tmp_path / "names"
    shutil.copytree(gliner_folder, folder)
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n")
    if changes is None:
        (folder / file).unlink()
    else:
        spoil(folder / file, **changes)
    with pytest.raises(NLPError, match=told):
        read(Extractor(recognizer=GlinerRecognizer(str(folder))), "Ada lives.")
    assert not (folder / "ran").exists()


def test_parts_end_where_sentences_begin_and_keep_to_both_limits():
    words = [(place * 2, place * 2 + 1) for place in range(10)]
    ones = [1] * 10
    assert split_words([], [], set(), max_words=4, max_tokens=4) == []
    assert split_words(words, ones, set(), max_words=4, max_tokens=99) == [
        (0, 7),
        (8, 15),
        (16, 19),
    ]
    assert split_words(words, ones, set(), max_words=99, max_tokens=4) == [
        (0, 7),
        (8, 15),
        (16, 19),
    ]
    assert split_words(words, ones, {6, 14}, max_words=4, max_tokens=99) == [
        (0, 5),
        (6, 13),
        (14, 19),
    ]
    assert split_words(words, ones, {2}, max_words=4, max_tokens=99)[0] == (0, 7)  # too early
    assert split_words(words, [9] * 10, set(), max_words=4, max_tokens=4) == words
