"""The download of the default model, from a local Maven repository."""

import hashlib
import zipfile

import pytest

from mcp_context_persistence.ingest.models import minilm
from mcp_context_persistence.kg.errors import VectorDBError
from mcp_context_persistence.kg.local import jars, maven

FILES = {minilm.ONNX_FILE: b"weights" * 100, minilm.TOKENIZER_FILE: b"{}"}


@pytest.fixture
def repository(monkeypatch, tmp_path):
    """A repository with a small jar, which the lock names; no weights package is installed."""
    monkeypatch.setattr(minilm, "_find_package", lambda: None)
    monkeypatch.setenv("CONTEXT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setattr(maven, "ATTEMPTS", 1)
    monkeypatch.setattr(maven, "remotes", lambda context: [])
    content = tmp_path / "model.jar"
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    members = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    jar = jars.ModelJar(
        coordinates="g:model:1",
        target="models",
        sha256=hashlib.sha256(content.read_bytes()).hexdigest(),
        size=content.stat().st_size,
        members=members,
    )
    file = tmp_path / "m2" / jar.path
    file.parent.mkdir(parents=True)
    content.rename(file)
    monkeypatch.setattr(jars, "locked_model", lambda: jar)
    return file


def test_the_model_is_unpacked_once_and_its_progress_is_reported(repository):
    reports = []
    folder = minilm.provision(lambda *report: reports.append(report))
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    size = jars.locked_model().size
    assert (reports[0], reports[-1]) == (("model", 0, size), ("model", size, size))
    assert {file.name for file in folder.iterdir()} == {*FILES, "provision.lock"}
    repository.unlink()
    assert minilm.provision() == folder


def test_a_damaged_file_is_downloaded_again(repository):
    folder = minilm.provision()
    (folder / minilm.ONNX_FILE).write_bytes(b"damaged")
    minilm.provision()
    assert (folder / minilm.ONNX_FILE).read_bytes() == FILES[minilm.ONNX_FILE]


def test_another_jar_than_the_locked_one_is_refused(repository):
    repository.write_bytes(repository.read_bytes()[:-1] + b"x")
    with pytest.raises(VectorDBError, match="could not be downloaded whole"):
        minilm.provision()
    assert not (minilm.download_folder() / minilm.ONNX_FILE).exists()


def test_a_missing_file_of_certificates_is_named(repository, monkeypatch):
    repository.unlink()
    for name in maven.CERTIFICATE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    monkeypatch.setattr(maven, "remotes", lambda context: [maven.Remote(url="https://127.0.0.1:9")])
    with pytest.raises(VectorDBError, match="the file in SSL_CERT_FILE cannot be read") as caught:
        minilm.provision()
    assert caught.value.retryable


def test_an_unwritable_cache_is_an_error_with_its_folder(repository, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONTEXT_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(VectorDBError, match="set CONTEXT_CACHE_DIR"):
        minilm.provision()
