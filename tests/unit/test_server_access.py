"""The address and the credentials of a server, from the places in which people have them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.url import RemoteTarget, is_same_server, parse_url
from mcp_context_persistence.runtime.config.settings import load_config
from mcp_context_persistence.runtime.config.target import configured_target
from mcp_context_persistence.runtime.server_access import ServerAccess, resolve_access

AURA = """# Wait 60 seconds before you connect with these details
NEO4J_URI=neo4j+s://1234abcd.databases.example
NEO4J_USERNAME=1234abcd
NEO4J_PASSWORD=pass-word_1=#$x
NEO4J_DATABASE=graph
AURA_INSTANCEID=1234abcd
AURA_INSTANCENAME=My instance
"""
NAMES = (
    "CONTEXT_STORE CONTEXT_DB_URL CONTEXT_DB_USER CONTEXT_DB_PASSWORD CONTEXT_DB_NAME "
    "CONTEXT_DB_CREDENTIALS_FILE CONTEXT_CONFIG DATABASE_URL NEO4J_URI NEO4J_USERNAME NEO4J_USER "
    "NEO4J_PASSWORD NEO4J_DATABASE"
)


@pytest.fixture(autouse=True)
def _bare(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMES.split():
        monkeypatch.delenv(name, raising=False)


def access(url=None, *, auth=None, database=None, config=None, credentials_file=None):
    settings = load_config(config, database_url=url, credentials_file=credentials_file)
    target = configured_target(settings)
    assert isinstance(target, RemoteTarget)
    return resolve_access(target, settings, auth=auth, database=database)


def set_all(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("user", ["NEO4J_USERNAME", "NEO4J_USER", "CONTEXT_DB_USER"])
def test_the_usual_variables_of_neo4j_are_read(user, monkeypatch):
    set_all(
        monkeypatch,
        NEO4J_URI="neo4j://db.example",
        NEO4J_PASSWORD="w0rd",
        NEO4J_DATABASE="graph",
        **{user: "ana"},
    )
    assert access() == ServerAccess(
        uri="neo4j://db.example", auth=("ana", "w0rd"), database="graph"
    )


def test_the_usual_variables_are_read_from_a_dotenv_file():
    Path(".env").write_text("NEO4J_URI=bolt://db.example\nNEO4J_PASSWORD='w0rd'\n")
    assert access() == ServerAccess(uri="bolt://db.example", auth=("neo4j", "w0rd"), database=None)


@pytest.mark.parametrize("prefix", ["", "\ufeff", "export ", "\r\n"])
@pytest.mark.parametrize("place", ["argument", "variable", ".env", "file"])
def test_the_file_of_aura_is_read_wherever_it_is_named(place, prefix, monkeypatch, tmp_path):
    path = tmp_path / "Neo4j-1234abcd-Created-2025-01-15.txt"
    text = AURA.replace("NEO4J_P", f"{prefix}NEO4J_P") if prefix == "export " else prefix + AURA
    path.write_text(text, encoding="utf-8")
    if place == "variable":
        monkeypatch.setenv("CONTEXT_DB_CREDENTIALS_FILE", str(path))
    elif place == ".env":
        Path(".env").write_text(f"CONTEXT_DB_CREDENTIALS_FILE='{path}'\n")
    elif place == "file":
        Path("config.yaml").write_text(f"database:\n  credentials_file: '{path}'\n")
    assert access(credentials_file=path if place == "argument" else None) == ServerAccess(
        uri="neo4j+s://1234abcd.databases.example",
        auth=("1234abcd", "pass-word_1=#$x"),
        database="graph",
    )


def test_the_settings_in_effect_are_those_of_the_file(tmp_path):
    (tmp_path / "aura.txt").write_text(AURA)
    shown = load_config({"credentials_file": "aura.txt"}).shown()
    assert shown["database_url"] == "neo4j+s://1234abcd.databases.example"
    assert shown["database_user"] == "1234abcd"
    assert "pass-word" not in str(shown)


@pytest.mark.parametrize("password", ["w0rd", "w/o=r d#", "NEO4J_PASSWORD=x"])
def test_a_file_may_have_the_line_that_the_image_of_neo4j_reads(password, tmp_path):
    file = tmp_path / "neo4j_auth"
    file.write_text(f"ana/{password}\n")
    expected = ServerAccess(uri="bolt://host", auth=("ana", password), database=None)
    assert access("bolt://host", credentials_file=str(file)) == expected
    assert password not in str(load_config({"credentials_file": str(file)}).shown())


def test_a_user_that_contradicts_such_a_line_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "neo4j_auth"
    file.write_text("ana/w0rd")
    monkeypatch.setenv("CONTEXT_DB_USER", "eve")
    with pytest.raises(ValidationError, match=r"USER/PASSWORD") as caught:
        access("bolt://host", credentials_file=str(file))
    assert "w0rd" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "bolt://host/db%20name",
        "bolt://host?database=db%20name",
        "bolt://host/?database=db%20name",
        "bolt://host/db%20name?database=db%20name",
    ],
)
def test_a_url_names_its_database_in_the_path_or_in_the_query(url):
    assert parse_url(url) == RemoteTarget(uri="bolt://host", database="db name")


def test_other_parts_of_the_query_stay():
    target = parse_url("neo4j://host?region=eu%20west&database=graph&x=1")
    assert target == RemoteTarget(uri="neo4j://host?region=eu%20west&x=1", database="graph")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_any_name_of_a_database_can_be_encoded(name):
    from urllib.parse import quote

    encoded = quote(name, safe="")
    assert parse_url(f"bolt://host?database={encoded}") == RemoteTarget(
        uri="bolt://host", database=name
    )


def test_the_same_server_may_be_written_differently():
    assert is_same_server("neo4j+s://Host.example", "neo4j+s://host.example:7687/db")
    assert not is_same_server("neo4j://host.example", "bolt://host.example")
    assert not is_same_server("neo4j://host.example", "neo4j://host.example:7688")
    assert not is_same_server("neo4j://host.example", ":memory:")


def test_a_user_in_the_url_takes_the_configured_password(monkeypatch):
    monkeypatch.setenv("NEO4J_PASSWORD", "w0rd")
    assert access("bolt://ana@host").auth == ("ana", "w0rd")
    assert access("bolt://ana:other@host").auth == ("ana", "other")
    assert access("bolt://host").auth == ("neo4j", "w0rd")


def test_without_credentials_there_is_no_authentication():
    assert access("bolt://host") == ServerAccess(uri="bolt://host", auth=None, database=None)


def test_a_stronger_source_has_priority(monkeypatch):
    set_all(monkeypatch, NEO4J_USERNAME="ben", NEO4J_PASSWORD="one", NEO4J_DATABASE="first")
    Path(".env").write_text("NEO4J_USERNAME=eve\nNEO4J_DATABASE=second\n")
    assert access("bolt://ana@host/third") == ServerAccess(
        uri="bolt://host", auth=("ana", "one"), database="third"
    )
    assert access("bolt://host", auth=("ida", "two"), database="fourth") == ServerAccess(
        uri="bolt://host", auth=("ida", "two"), database="fourth"
    )
    assert access("bolt://host") == ServerAccess(
        uri="bolt://host", auth=("ben", "one"), database="first"
    )


def test_credentials_are_not_sent_to_another_server(monkeypatch):
    set_all(
        monkeypatch,
        NEO4J_URI="neo4j+s://cloud.example",
        NEO4J_USERNAME="ana",
        NEO4J_PASSWORD="s3cret",
        NEO4J_DATABASE="graph",
    )
    nothing = ServerAccess(uri="bolt://localhost", auth=None, database=None)
    assert access("bolt://localhost") == nothing
    monkeypatch.setenv("CONTEXT_DB_URL", "bolt://localhost")
    assert access() == nothing
    monkeypatch.setenv("CONTEXT_DB_PASSWORD", "own")
    assert access().auth == ("neo4j", "own")
    assert access("neo4j+s://cloud.example:7687").auth == ("ana", "own")


def refuse(*names, **arguments):
    with pytest.raises(ValidationError) as caught:
        access(**arguments)
    text = str(caught.value)
    assert all(name in text for name in names), text
    for secret in ("s3cret", "1234abcd", "pass-word", "ana", "graph", "example"):
        assert secret not in text


def test_two_user_names_are_a_conflict(monkeypatch):
    set_all(monkeypatch, NEO4J_URI="bolt://host", NEO4J_USERNAME="ana", NEO4J_USER="ben")
    refuse("NEO4J_USERNAME", "NEO4J_USER", "the environment")
    monkeypatch.delenv("NEO4J_USERNAME")
    monkeypatch.setenv("NEO4J_URI", "bolt://ana:s3cret@host")
    refuse("the URL in NEO4J_URI in the environment", "NEO4J_USER in the environment")
    monkeypatch.delenv("NEO4J_USER")
    refuse("database_url", "auth", url="bolt://ana:s3cret@host", auth=("ben", "x"))


def test_two_databases_are_a_conflict(monkeypatch):
    refuse("path", "?database=", url="bolt://host/graph?database=other")
    refuse("database", "the URL in database_url", url="bolt://host/graph", database="other")
    set_all(monkeypatch, NEO4J_URI="bolt://host/graph", NEO4J_DATABASE="other")
    refuse("NEO4J_URI", "NEO4J_DATABASE")


@pytest.mark.parametrize(
    ("variable", "value", "field"),
    [
        ("NEO4J_URI", "neo4j://other.example", "NEO4J_URI"),
        ("CONTEXT_DB_URL", "local:memory", "NEO4J_URI"),
        ("NEO4J_USERNAME", "ana", "NEO4J_USERNAME"),
        ("NEO4J_PASSWORD", "s3cret", "NEO4J_PASSWORD"),
        ("NEO4J_DATABASE", "other", "NEO4J_DATABASE"),
    ],
)
def test_the_file_must_not_contradict_the_other_settings(variable, value, field, monkeypatch):
    Path("aura.txt").write_text(AURA)
    monkeypatch.setenv(variable, value)
    refuse(
        f"{variable} in the environment",
        f"{field} in the credentials file",
        credentials_file="aura.txt",
    )


def test_the_file_must_not_contradict_the_arguments():
    Path("aura.txt").write_text(AURA)
    url = "neo4j+s://1234abcd.databases.example"
    both = {"credentials_file": "aura.txt"}
    refuse("database_url", "NEO4J_URI", url="bolt://other.example", **both)
    refuse("the URL in", "NEO4J_USERNAME", url=url.replace("//", "//ana@"), **both)
    refuse("auth", "NEO4J_USERNAME", auth=("ana", "pass-word_1=#$x"), **both)
    refuse("auth", "NEO4J_PASSWORD", auth=("1234abcd", "s3cret"), **both)
    refuse("database", "NEO4J_DATABASE", database="other", **both)
    assert access(url=f"{url}:7687/graph", **both).database == "graph"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "none of NEO4J_URI"),
        ("AURA_INSTANCEID=1234abcd\n", "none of NEO4J_URI"),
        ("NEO4J_USER=ana\nNEO4J_USERNAME=ben\n", "NEO4J_USER and NEO4J_USERNAME"),
        ("NEO4J_URI=bolt://a\nNEO4J_URI=bolt://b\n", "NEO4J_URI and NEO4J_URI"),
        ("NEO4J_URI=https://console.example\n", "NEO4J_URI in the credentials file"),
        ("#" * 70_000, "more than"),
    ],
)
def test_a_wrong_file_is_refused(content, reason):
    Path("aura.txt").write_text(content)
    refuse(reason, credentials_file="aura.txt")


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    refuse("there is no such file", credentials_file="missing.txt")
    refuse("cannot be read", credentials_file=tmp_path)
    Path("binary.txt").write_bytes(b"NEO4J_PASSWORD=\xff\xfe")
    refuse("text in UTF-8", credentials_file="binary.txt")


def test_an_address_that_is_none_names_its_source(monkeypatch):
    monkeypatch.setenv("NEO4J_URI", "https://console.example")
    refuse("database_url must be one of", "NEO4J_URI in the environment")


def test_the_variables_of_the_store_may_have_a_path(monkeypatch):
    for name in ("CONTEXT_DB_URL", "CONTEXT_STORE"):
        monkeypatch.setenv(name, "memory")
        assert load_config().database_url == f"local:{Path.cwd() / 'memory'}"
        monkeypatch.setenv(name, "bolt://host:7687")
        assert load_config().database_url == "bolt://host:7687"
        monkeypatch.setenv(name, "localhost:7687")
        assert load_config().database_url == "localhost:7687"  # which is refused
    monkeypatch.delenv("CONTEXT_STORE")
    monkeypatch.delenv("CONTEXT_DB_URL")
    monkeypatch.setenv("NEO4J_URI", "memory")
    assert load_config().database_url == "memory"  # which is refused
