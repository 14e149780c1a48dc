"""Fixtures of the unit tests."""

import hashlib

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.kg.local import jars, maven


@pytest.fixture(scope="session")
def extractor():
    """Return an extractor; it keeps nothing of the texts, so all tests share its model."""
    return Extractor()


@pytest.fixture
def small_lock(tmp_path, monkeypatch):
    """Lock two jars, which the local Maven repository has; return the folder of that repository."""
    repository, cache = tmp_path / "m2", tmp_path / "cache"
    monkeypatch.setenv("CONTEXT_CACHE_DIR", str(cache))
    monkeypatch.setenv("M2_REPO", str(repository))
    locked_jars = []
    for name, target in (("one", "lib"), ("two", "plugins")):
        content = name.encode() * 100
        jar = jars.Jar(
            coordinates=f"g:{name}:1",
            target=target,
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
        )
        file = repository / jar.path
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        locked_jars.append(jar)
    monkeypatch.setattr(jars, "locked", lambda: tuple(locked_jars))
    monkeypatch.setattr(jars, "_compute_digest", lambda: "test")
    monkeypatch.setattr(maven, "ATTEMPTS", 1)
    monkeypatch.setattr(maven, "remotes", lambda context: [])
    return repository
