"""Names found by a GLiNER model, alone and together with spaCy and the rules."""

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
from mcp_context_persistence.kg.extras import install_command

ROOT = Path(__file__).resolve().parents[2]
TEXT = "Ada Lovelace worked with Charles Babbage in London. The OrderParser class uses pandas."
# Reads a text where every connection is an error, and nothing says that there is no network.
ALONE = """
import socket, sys
def refuse(*_, **__): raise AssertionError("a connection was opened")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.extraction.gliner import GlinerRecognizer
extractor = Extractor(recognizer=GlinerRecognizer(sys.argv[1]))
(extraction,) = extractor.extract(["Ada Lovelace lives in London."])
is_found = any(mention.extractor.startswith("gliner:") for mention in extraction.mentions)
print(is_found, file=sys.__stdout__)
"""


class Words:
    """A fake GLiNER model that finds the given names."""

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
    """Return an extractor whose GLiNER model finds names, each with a label and a score."""
    recognizer = GlinerRecognizer("none", labels)
    model = reading or Words(names)
    recognizer._model = registry.Lazy(
        lambda: gliner_recognizer._LoadedModel(model, model.max_len, model.tokens), lambda _: 0
    )
    return Extractor(recognizer=recognizer)


def read(extractor, text, patterns=None):
    (extraction,) = extractor.extract([text], patterns)
    return {mention.name: mention for mention in extraction.mentions}


gliner = pytest.mark.skipif(
    not gliner_recognizer.is_installed(),
    reason=f"NO GLINER HERE: {install_command('gliner')}; "
    "extraction with a GLiNER model is not tested",
)


@gliner
def test_a_real_model_adds_entities_and_its_scores_are_their_confidences(gliner_folder):
    from gliner import GLiNER

    plain = Extractor()
    both = Extractor(recognizer=GlinerRecognizer(str(gliner_folder), ["disease"]))
    code = "```python\nclass Fenced: pass\n```"
    text = f"{TEXT}\n\n{code}\nIt rained, {'and rained, ' * 100}until noon."
    found = next(iter(both.extract([text]))).mentions
    assert any(mention.extractor.startswith("gliner:") for mention in found)
    labels = [kind.replace("_", " ") for kind in (*DEFAULT_TYPES, "disease")]
    entities = GLiNER.from_pretrained(str(gliner_folder), local_files_only=True).inference(
        [TEXT], labels, threshold=0.5
    )[0]
    recognized = [
        mention for mention in read(both, TEXT).values() if mention.extractor.startswith("gliner:")
    ]
    assert recognized
    scores = {(entity["label"], round(entity["score"], 4)) for entity in entities}
    assert {
        (mention.type.replace("_", " "), mention.confidence) for mention in recognized
    } <= scores
    end = 0
    for mention in found:
        assert text[mention.start : mention.end] == mention.text
        assert mention.start >= end
        assert 0 <= mention.confidence <= 1
        assert len(mention.entity_id.encode()) <= limits.IDENTIFIER_BYTES
        assert mention.extractor.startswith("gliner:") == (
            mention not in next(iter(plain.extract([text]))).mentions
        )
        end = mention.end
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
def test_unusual_texts_are_read_by_a_real_model(gliner_folder, text):
    for one in next(
        iter(Extractor(recognizer=GlinerRecognizer(str(gliner_folder))).extract([text]))
    ).mentions:
        assert text[one.start : one.end] == one.text


@gliner
def test_the_memory_of_a_real_model_is_counted_and_freed(gliner_folder):
    found = GlinerRecognizer(str(gliner_folder))
    reading = Extractor(recognizer=found)
    read(reading, "Ada")
    size = (gliner_folder / "model.safetensors").stat().st_size
    assert found._model.model_bytes == pytest.approx(size, rel=0.05)
    assert {found._model, reading._parser} <= set(registry.list_holders())
    registry.free_all()
    assert (
        found._model.model_bytes == 0 < reading._parser.model_bytes
    )  # spaCy's are needed by every save
    assert isinstance(read(reading, "Ada"), dict)


@gliner
@pytest.mark.parametrize(
    "gliner_folder", ["bert", pytest.param("deberta-v2", marks=pytest.mark.long)], indirect=True
)
def test_the_network_is_not_used(gliner_folder):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, gliner_folder],
        check=False,
        env={"PYTHONPATH": str(ROOT), "HOME": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@gliner
def test_user_patterns_and_code_win_over_the_model_and_the_model_over_spacy(tmp_path):
    text = (
        "Ada Lovelace met Charles Babbage in London. The OrderParser class uses pandas. "
        "Ticket OPS-7 waits."
    )
    spacy = read(Extractor(), text)
    assert spacy["Ada Lovelace"].extractor == "ner:person"
    found = read(
        extractor(
            ("Ada Lovelace", "organization", 0.75),
            ("Charles", "product", 0.9),
            ("London", "location", 0.51),
            ("OrderParser", "person", 0.99),
            ("pandas", "group", 0.99),
            ("OPS-7", "product", 0.99),
            ("Ticket", "disease", 0.6),
            labels=["disease"],
        ),
        text,
        validate_patterns({"ticket": [r"OPS-\d+"]}, 0.8),
    )
    results = {
        name: (mention.type, mention.extractor, mention.confidence)
        for name, mention in found.items()
    }
    assert results["Ada Lovelace"] == ("organization", "gliner:organization", 0.75)
    assert results["London"] == ("location", "gliner:location", 0.51)
    assert results["Charles"] == ("product", "gliner:product", 0.9)
    assert "Charles Babbage" not in results
    assert results["OrderParser"][0] == "class"
    assert results["pandas"][0] == "library"
    assert results["OPS-7"] == ("ticket", "pattern:ticket", 0.8)
    assert results["Ticket"] == ("disease", "gliner:disease", 0.6)
    assert results["OrderParser"][2] == get_confidence(results["OrderParser"][1])


@gliner
def test_labels_are_words_and_types_keep_their_spelling():
    model = Words([("Uno", "board game", 0.7)])
    found = read(extractor(labels=["board_game"], reading=model), "They played Uno.")
    assert (found["Uno"].type, found["Uno"].extractor) == ("board_game", "gliner:board_game")


@gliner
def test_names_are_trimmed_and_other_spans_are_left_out():
    found = read(
        extractor(('"Zorbax,', "product", 0.7), ("...", "product", 0.7)),
        'He said "Zorbax, you know" ... and so on.',
    )
    assert found["Zorbax"].extractor == "gliner:product"
    assert all(any(c.isalnum() for c in name) for name in found)


@gliner
def test_a_long_text_is_read_completely_in_spans():
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
def test_an_invalid_span_is_an_error(wrong):
    class Wrong(Words):
        def inference(self, texts, labels, **_):
            if isinstance(wrong, Exception):
                raise wrong
            return [[wrong] for _ in texts]

    with pytest.raises(NLPError, match="GLiNER") as caught:
        read(extractor(reading=Wrong([])), "Ada lives.")
    assert "s3cret" not in str(caught.value)


def test_a_missing_package_is_an_error_with_the_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "gliner", None)
    with pytest.raises(NLPError, match="gliner_model needs the package gliner") as caught:
        read(Extractor(recognizer=GlinerRecognizer("/anything")), "Ada lives.")
    assert str(caught.value).endswith("; pip install 'gliner>=0.2.24,<0.3'")


@gliner
@pytest.mark.parametrize("name", ["/nowhere/at/all", "nobody/nothing", "nothing", "not a name"])
def test_a_missing_model_is_an_error(name):
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
    ("file", "changes", "message"),
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
            "its own code",
        ),
        ("gliner_config.json", {"auto_map": {"AutoModel": "evil.M"}}, "its own code"),
        (
            "tokenizer_config.json",
            {"auto_map": {"AutoTokenizer": ["evil.T", None]}},
            "its own code",
        ),
        (
            "gliner_config.json",
            {"encoder_config__max_position_embeddings": 40},
            "gliner_labels|cannot be loaded",
        ),
    ],
)
def test_an_incomplete_or_unsupported_folder_is_refused(
    gliner_folder, tmp_path, file, changes, message
):
    folder = tmp_path / "names"
    shutil.copytree(gliner_folder, folder)
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n")
    if changes is None:
        (folder / file).unlink()
    else:
        spoil(folder / file, **changes)
    with pytest.raises(NLPError, match=message):
        read(Extractor(recognizer=GlinerRecognizer(str(folder))), "Ada lives.")
    assert not (folder / "ran").exists()


def test_spans_end_before_sentences_and_keep_both_limits():
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
