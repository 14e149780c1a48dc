"""The file of keys, and the settings of the service."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcp_context_persistence.cli import serve
from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from mcp_context_persistence.service.folders import service_folder
from mcp_context_persistence.service.keys import SCOPES, KeyFile
from mcp_context_persistence.service.lease import LocalSecret
from mcp_context_persistence.service.settings import ServiceSettings, is_loopback


def test_the_command_knows_all_scopes():
    assert serve.SCOPES == SCOPES


def test_a_key_is_found_by_its_text_only(tmp_path):
    keys = KeyFile(tmp_path / "new" / "api_keys.json")
    key, token = keys.create(namespace="team", scopes=["write", "read"], name="laptop")
    assert keys.find(token) == key
    assert (key.namespace, key.scopes, key.name) == ("team", ("read", "write"), "laptop")
    for other in (token[:-1], token + "a", token[:12] + "a" * 43, "", "cp_", "é" * 55):
        assert keys.find(other) is None
    assert token[12:] not in keys.path.read_text()
    assert stat.S_IMODE(os.stat(keys.path).st_mode) == 0o600


def test_another_process_sees_a_change_at_once(tmp_path):
    writer, reader = (KeyFile(tmp_path / "api_keys.json") for _ in range(2))
    key, token = writer.create(namespace="team", scopes=SCOPES)
    assert reader.find(token) is not None
    assert reader.secret == writer.secret != b""
    writer.revoke(key.id)
    assert reader.find(token) is None
    with pytest.raises(NotFoundError):
        writer.revoke(key.id)
    with pytest.raises(NotFoundError):
        writer.rotate(key.id)


def test_keys_that_are_made_at_the_same_time_are_all_kept(tmp_path):
    file = tmp_path / "api_keys.json"
    with ThreadPoolExecutor(8) as threads:
        made = list(
            threads.map(
                lambda number: KeyFile(file).create(namespace=f"n{number}", scopes=["read"]),
                range(16),
            )
        )
    assert {key.id for key in KeyFile(file).list_keys()} == {key.id for key, _ in made}


@pytest.mark.parametrize(
    "arguments",
    [
        {"namespace": ""},
        {"namespace": "x" * 129},
        {"scopes": []},
        {"scopes": ["root"]},
        {"days": 0},
        {"days": -1},
        {"days": float("nan")},
        {"name": "a\nb"},
    ],
)
def test_keys_that_make_no_sense_are_refused(tmp_path, arguments):
    keys = KeyFile(tmp_path / "api_keys.json")
    with pytest.raises(ValidationError):
        keys.create(**{"namespace": "team", "scopes": ["read"], **arguments})
    assert keys.list_keys() == []


def test_a_local_token_opens_one_namespace():
    secret = LocalSecret()
    token = secret.make_token("team")
    assert secret.read_token(token) == "team"
    assert LocalSecret().read_token(token) is None
    forged = token.replace(token.partition(".")[0], secret.make_token("other").partition(".")[0])
    assert secret.read_token(forged) is None
    assert secret.text not in repr(secret)


def test_the_settings_come_from_the_environment(tmp_path, monkeypatch):
    keys = tmp_path / "keys.json"
    monkeypatch.setenv("CONTEXT_API_KEYS_FILE", str(keys))
    with pytest.raises(ValidationError, match="CONTEXT_API_KEYS_FILE"):
        ServiceSettings.from_environment(database_url=f"local:{tmp_path / 'store'}")
    keys.write_text("{}")
    monkeypatch.setenv("CONTEXT_API_HOSTS", "A.example, b.example,")
    monkeypatch.setenv("CONTEXT_API_ORIGINS", "https://a.example")
    monkeypatch.setenv("CONTEXT_API_REQUESTS_PER_MINUTE", "7")
    monkeypatch.setenv("CONTEXT_API_THREADS", "3")
    monkeypatch.setenv("CONTEXT_API_NAMESPACE", "team")
    settings = ServiceSettings.from_environment(database_url=f"local:{tmp_path / 'store'}")
    assert settings.hosts == ("a.example", "b.example")
    assert settings.origins == ("https://a.example",)
    assert (settings.requests_per_minute, settings.threads, settings.namespace) == (7, 3, "team")
    assert (settings.keys_file, settings.has_keys) == (keys, True)
    monkeypatch.delenv("CONTEXT_API_REQUESTS_PER_MINUTE")
    for name in ("CONTEXT_API_THREADS", "CONTEXT_API_REQUESTS_PER_MINUTE"):
        for number in ("0", "-1", "x", "²", "1e3", "1000001"):
            monkeypatch.setenv(name, number)
            with pytest.raises(ValidationError, match=name):
                ServiceSettings.from_environment(database_url=":memory:")
        monkeypatch.delenv(name)


def test_each_database_has_a_folder_of_its_own(tmp_path):
    assert service_folder(f"local:{tmp_path / 'store'}") == Path(tmp_path / "store")
    assert service_folder(":memory:") is None
    first, second = (service_folder(f"bolt://{name}.example:7687") for name in "ab")
    assert first != second
    assert first == service_folder("bolt://a.example:7687")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_addresses_of_this_machine_are_known(host, expected):
    assert is_loopback(host) is expected
