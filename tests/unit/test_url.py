"""A `database_url` names a store or a server."""

from pathlib import Path

import pytest

from mcp_context_persistence.kg import url as database_url
from mcp_context_persistence.kg.errors import ValidationError


@pytest.mark.parametrize("url", [":memory:", "sqlite:///:memory:"])
def test_memory_is_a_throwaway_store(url):
    assert database_url.parse_url(url) == database_url.LocalTarget(path=None)


@pytest.mark.parametrize("prefix", ["local:", "sqlite:///"])
def test_a_path_is_a_store_in_that_directory(prefix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert database_url.parse_url(f"{prefix}context.db") == database_url.LocalTarget(
        path=tmp_path / "context.db"
    )
    assert database_url.parse_url(
        f"{prefix}{tmp_path}/mit Leerzeichen/ä"
    ) == database_url.LocalTarget(path=tmp_path / "mit Leerzeichen" / "ä")
    assert not list(tmp_path.iterdir())


def test_a_real_sqlite_file_is_refused_and_untouched(tmp_path):
    import sqlite3

    path = tmp_path / "context.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ValidationError, match="real SQLite file"):
        database_url.parse_url(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_any_other_file_is_refused(tmp_path):
    Path(tmp_path / "x").write_text("x")
    with pytest.raises(ValidationError, match="needs a directory"):
        database_url.parse_url(f"local:{tmp_path}/x")


@pytest.mark.parametrize("scheme", database_url.SCHEMES)
def test_a_server_keeps_its_scheme_port_and_credentials(scheme):
    remote = database_url.parse_url(f"{scheme}://ana:s%40crt@db.example:7688/memory")
    assert remote == database_url.RemoteTarget(
        uri=f"{scheme}://db.example:7688", user="ana", password="s@crt", database="memory"
    )
    assert "s@crt" not in repr(remote)
    assert database_url.parse_url(f"{scheme}://[::1]:7687") == database_url.RemoteTarget(
        uri=f"{scheme}://[::1]:7687"
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "postgresql://u:p@h/d",
        "http://h:7474",
        "bolt://",
        "local:",
        "sqlite:///",
        "context.db",
        "neo4j+x://h",
        "bolt://h:x",
        "bolt://h:0",
        None,
        7,
    ],
)
def test_anything_else_is_refused_and_told_what_works(url):
    with pytest.raises(ValidationError, match="bolt://HOST:PORT") as caught:
        database_url.parse_url(url)
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["bolt://a..b:7687", f"bolt://{'x' * 64}:7687", "local:~nobody-of-that-name/x"]
)
def test_odd_names_are_refused_too(url):
    with pytest.raises(ValidationError):
        database_url.parse_url(url)
