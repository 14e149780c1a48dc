"""What is provided before a server starts; `true` stands for Java."""

import shutil

import pytest

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import configuration
from mcp_context_persistence.kg.local.server_process import ServerProcess
from mcp_context_persistence.kg.local.store import Store


@pytest.fixture
def jar(tmp_path):
    file = tmp_path / "neo4j.jar"
    file.touch()
    return file


@pytest.fixture
def process(tmp_path, jar):
    store = Store(tmp_path / "store")
    store.prepare()
    store.password()
    process = ServerProcess(
        {
            "cache": None,
            "ports": [0, 0],
            "sizes": {"heap": "512m", "page_cache": "64m"},
            "java": shutil.which("true"),
            "flags": [],
            "native": str(tmp_path / "native"),
            "class_path": str(jar),
            "arguments": [],
            "options": configuration.make_options("plugins"),
        },
        store,
    )
    yield process
    process.kill()


def test_what_was_removed_from_a_store_is_there_before_its_server_starts(process, tmp_path):
    store = Store(tmp_path / "store")
    process.spawn()
    kept = (store.conf / "neo4j.conf").read_text()
    assert "db.logs.query.enabled=OFF" in kept
    process.kill()
    for folder in (store.conf, store.logs, store.temporary, tmp_path / "native"):
        shutil.rmtree(folder)
    process.spawn()
    assert (store.conf / "neo4j.conf").read_text() == kept
    assert {file.name for file in store.conf.iterdir()} >= {"server-logs.xml", "user-logs.xml"}
    assert store.logs.is_dir()
    assert store.temporary.is_dir()
    assert (tmp_path / "native").is_dir()


def test_a_server_does_not_start_without_the_data_that_it_had(process, tmp_path):
    store = Store(tmp_path / "store")
    (store.data / "databases").mkdir()
    store.write_mark()
    shutil.rmtree(store.data)
    with pytest.raises(DatabaseError, match="lost its data"):
        process.spawn()
    assert process.java is None


@pytest.mark.parametrize("was_ready", [False, True])
def test_only_databases_of_a_store_whose_server_never_got_ready_are_created_again(
    process, tmp_path, was_ready
):
    store = Store(tmp_path / "store")
    store.write_mark(is_ready=was_ready)
    for name in ("begun", "complete"):
        (store.data / "databases" / name).mkdir(parents=True)
        (store.data / "transactions" / name).mkdir(parents=True)
    (store.data / "transactions" / "complete" / "neostore.transaction.db.0").touch()
    for _ in range(2):
        store.write_mark()  # by the next client
        process.spawn()
        process.kill()
        assert (store.data / "databases" / "begun").exists() == was_ready
        assert (store.data / "databases" / "complete").exists()


def test_a_server_does_not_start_without_a_jar(process, jar):
    jar.unlink()
    with pytest.raises(DatabaseError, match=r"neo4j\.jar") as caught:
        process.spawn()
    assert caught.value.retryable


def test_the_error_names_the_file_that_is_in_the_way(process, tmp_path):
    conf = Store(tmp_path / "store").conf
    shutil.rmtree(conf)
    conf.touch()
    with pytest.raises(FileExistsError) as caught:
        process.spawn()
    assert caught.value.filename == str(conf)
