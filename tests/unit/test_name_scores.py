"""Test how names are scored with the lower layers of the embedding model."""

import logging

import numpy as np
import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.extraction.name_scores import CLASSES, NameScorer
from mcp_context_persistence.ingest.models import (
    encoders,
    lower_layers,
    minilm,
    onnx_encoder,
    onnx_file,
)
from mcp_context_persistence.ingest.models.lower_layers import LowerLayers
from mcp_context_persistence.ingest.models.token_states import TokenStateReader
from mcp_context_persistence.kg.errors import NLPError, VectorDBError

TEXTS = [
    "Hey Caroline! I met Ilka Brandvold in Trondheim last week.",
    "nothing to see here",
    "The new office of Brandvold Shipping opens on Monday, says Tibor.",
]


def read_types(extractor, text):
    return {mention.name: mention.type for mention in next(extractor.extract([text])).mentions}


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        ("Solveig and I had dinner with Anneke yesterday.", "Anneke", "person"),
        ("We spent the summer in Skagen with the kids.", "Skagen", "location"),
        ("He is an analyst at Deloitte in Leeds.", "Deloitte", "organization"),
        ("My cousin Thandiwe loves her new flat in Sandton.", "Sandton", "location"),
        ("I had coffee with Priyanka after work.", "Priyanka", "person"),
    ],
)
def test_the_sentence_tells_the_type_of_a_name(extractor, text, name, kind):
    assert read_types(extractor, text).get(name) == kind


@pytest.mark.parametrize(
    "text",
    [
        "The Prius of the neighbour has been on our spot since Friday.",
        "I traded it for a Lambrusk and two chairs.",
        "He bought a Fendt from a farmer and sold it again.",
    ],
)
def test_a_name_after_an_article_is_no_person(extractor, text):
    assert "person" not in read_types(extractor, text).values()


def test_technology_is_known_by_its_sentence_alone(extractor):
    text = "Please send the mails with Postfix and not with the old relay."
    assert read_types(extractor, text)["Postfix"] == "technology"


def test_scores_are_shares_and_only_of_sentences_with_names(extractor):
    parsed = extractor.parse(TEXTS)
    scored = NameScorer().score(parsed)
    assert scored[1].name_scores is None
    for text in (scored[0], scored[2]):
        assert text.name_scores.shape == (len(text.words), len(CLASSES))
        np.testing.assert_allclose(text.name_scores.sum(axis=1), 1, atol=1e-5)
    person = CLASSES.index("person")
    assert scored[0].name_scores[scored[0].words.index("Ilka")].argmax() == person


def test_a_text_has_the_same_scores_alone_and_among_others(extractor):
    parsed = extractor.parse(TEXTS)
    scorer = NameScorer()
    together = scorer.score(parsed)
    for text, expected in zip(parsed, together, strict=True):
        (alone,) = scorer.score([text])
        if expected.name_scores is not None:
            np.testing.assert_allclose(alone.name_scores, expected.name_scores, atol=1e-4)


def test_words_beyond_what_the_model_reads_have_scores(extractor):
    (parsed,) = extractor.parse(["Ada " + "went and " * 400 + "met Bob."])
    (scored,) = NameScorer().score([parsed])
    assert scored.name_scores.shape[0] == len(parsed.words)
    assert np.isfinite(scored.name_scores).all()


def test_without_the_model_names_are_recognized_and_the_log_says_so_once(monkeypatch, caplog):
    def fail(name):
        raise VectorDBError("The download failed.")

    monkeypatch.setattr(encoders, "find", fail)
    extractor = Extractor()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert read_types(extractor, "Ada Lovelace moved to London.") == {
                "Ada Lovelace": "person",
                "London": "location",
            }
    assert [record.message for record in caplog.records] == [
        "Names are recognized without the embedding model: The download failed."
    ]


def test_a_damaged_model_is_no_error_of_the_extraction(monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("protobuf parsing failed")

    monkeypatch.setattr(lower_layers, "create_session", fail)
    assert read_types(Extractor(), "Ada Lovelace moved to London.")
    assert "The embedding model cannot be loaded." in caplog.text


def test_a_model_that_fails_on_a_text_is_named(monkeypatch):
    def fail(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(LowerLayers, "compute_states", fail)
    with pytest.raises(NLPError, match="embedding model failed on a text") as raised:
        next(Extractor().extract(["Ada Lovelace moved to London."]))
    assert raised.value.retryable


def test_a_scorer_that_may_not_download_looks_only_on_this_machine(monkeypatch, extractor, caplog):
    monkeypatch.setattr(minilm, "find_folder", lambda: None)
    monkeypatch.setattr(encoders, "find", lambda name: pytest.fail("looked further"))
    (parsed,) = extractor.parse(TEXTS[:1])
    assert NameScorer(TokenStateReader(may_download=False)).score([parsed]) == [parsed]
    assert "is not on this machine" in caplog.text


@pytest.fixture
def downloaded_folder(monkeypatch):
    """Return the folder of the downloaded model, which has another format than the package."""
    with monkeypatch.context() as without_package:
        without_package.setattr(minilm, "_find_package", lambda: None)
        return minilm.provision()


@pytest.mark.parametrize("layers", [1, 3])
def test_the_package_and_the_download_have_the_same_lower_layers(downloaded_folder, layers):
    tokens = [[101, 2026, 3899, 102], [101, 7592, 102]]
    packaged, downloaded = (
        LowerLayers(folder, layers).compute_states(tokens)
        for folder in (minilm.find_folder(), downloaded_folder)
    )
    (last,) = onnx_encoder.open_session(downloaded_folder, threads=1).run(
        None, onnx_encoder.build_inputs(tokens)
    )
    np.testing.assert_allclose(packaged, downloaded, atol=1e-5)
    assert packaged.shape == last.shape
    assert np.abs(packaged - last).max() > 0.1


def test_a_model_that_is_cut_after_its_last_node_computes_the_same(downloaded_folder):
    import onnxruntime

    file, looked_up = downloaded_folder / minilm.ONNX_FILE, lower_layers._LOOKED_UP
    inputs = onnx_encoder.build_inputs([[101, 2026, 3899, 102]])
    words = onnx_file.map_weight(file, lower_layers.WORD_VECTORS)[inputs["input_ids"]]
    model = onnx_file.cut(file.read_bytes(), source=looked_up, output="last_hidden_state")
    whole, part = (
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        for model in (str(file), model)
    )
    np.testing.assert_array_equal(
        part.run(None, {**inputs, looked_up: words})[0], whole.run(None, inputs)[0]
    )


@pytest.mark.parametrize("model", [b"\xff", b"\x3b\x01", minilm.GRAPH_FILE.read_bytes()])
def test_what_cannot_be_cut_is_refused(model, tmp_path):
    (tmp_path / "model.onnx").write_bytes(model)
    with pytest.raises(ValueError, match=r"not an ONNX model|does not compute nothing"):
        onnx_file.cut(model, source="nothing", output="nothing")
    with pytest.raises(ValueError, match=r"not an ONNX model|has no weight nothing"):
        onnx_file.map_weight(tmp_path / "model.onnx", "nothing")
