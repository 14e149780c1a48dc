"""Why a server did not start, read from its logs; the console's file is limited."""

import pytest

from mcp_context_persistence.kg.local import diagnosis


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("java.io.IOException: No space left on device", "is full"),
        ("Error occurred: Could not reserve enough space for 9g object heap", "memory"),
        ("Unrecognized VM option 'X'", "Java runtime or its options do not fit"),
        ("who knows", "neo4j.log"),
    ],
)
def test_the_error_names_the_cause_and_the_log(tmp_path, text, words):
    (tmp_path / "neo4j.log").write_text(text)
    failure = diagnosis.explain_start(tmp_path, status=1)
    assert words in failure.text
    assert str(tmp_path.parent if words == "is full" else tmp_path / "neo4j.log") in failure.text
    assert not failure.is_port_taken


@pytest.mark.parametrize(
    ("text", "words", "retryable"),
    [
        (
            "InvalidPathException: Malformed input or input contains unmappable characters: /s??",
            "locale",
            False,
        ),
        ("java.io.IOException: Too many open files", "ulimit -Hn", False),
        (
            "unable to create native thread: possibly out of memory or resource limits reached",
            "ulimit -u",
            True,
        ),
        ("Could not allocate compressed class space: 1073741824 bytes", "not enough memory", True),
        (
            "org.neo4j.io.locker.FileLockException: Lock file has been locked by another process",
            "another Neo4j",
            True,
        ),
        ("java.io.IOException: File too large", "ulimit -f", False),
        ("FileSystemException: x: Read-only file system", "read-only", False),
        ("jna1.tmp: failed to map segment from shared object", "noexec", False),
        ("java.nio.file.AccessDeniedException: /store/data", "owner and its permissions", False),
        ("java.lang.NoClassDefFoundError: a/B", "jar is missing", True),
        ("who knows", "ended while it was starting", True),
    ],
)
def test_each_known_cause_has_its_advice(tmp_path, text, words, retryable):
    (tmp_path / diagnosis.CONSOLE).write_text(text)
    failure = diagnosis.explain_start(tmp_path, status=1)
    assert words in failure.text
    assert failure.retryable is retryable


def test_the_path_of_a_store_is_not_searched_for_causes(tmp_path):
    logs = tmp_path / "upgrade of corrupt data" / "logs"
    logs.mkdir(parents=True)
    (logs / "neo4j.log").write_text(f"who knows what is in {logs.parent}/data")
    assert not diagnosis.explain_start(logs, status=1).is_known


def test_a_kill_without_a_known_cause_is_said_with_advice(tmp_path):
    killed = diagnosis.explain_start(tmp_path, status=-9)
    assert "too little memory" in killed.text
    assert killed.retryable
    assert not killed.is_known
    for status in (None, 1, -15):
        assert "memory" not in diagnosis.explain_start(tmp_path, status=status).text


def test_a_taken_port_is_recognized(tmp_path):
    (tmp_path / "console.log").write_text("java.net.BindException: Address already in use")
    assert diagnosis.explain_start(tmp_path, status=1).is_port_taken


def test_a_large_console_log_is_emptied(tmp_path):
    console = tmp_path / diagnosis.CONSOLE
    with console.open("ab") as file:
        for _ in range(30):
            file.write(b"x" * 100_000)
            file.flush()
            diagnosis.truncate_console(tmp_path)
    assert console.stat().st_size <= diagnosis.CONSOLE_BYTES
    for _ in range(3):
        console.write_text("words")
        diagnosis.rotate_logs(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [diagnosis.LAST_CONSOLE]


START = (
    "2026-01-01 10:00:00.000+0000 INFO  [o.n.d.a.k.DbmsDiagnosticsManager]\n"
    "VM Arguments: [-XX:+ExitOnOutOfMemoryError] upgrade, newer version\n"
)
FAILED = (
    "2026-01-01 10:00:01.000+0000 ERROR [o.n.d.d.DatabaseLifecycles] "
    "Failed to start DatabaseId{{00000000[{database}]}}\n"
    "java.lang.RuntimeException: java.lang.RuntimeException: {reason}\n"
    "\tat org.neo4j.kernel.database.Database.validateStoreAndTxLogs(Database.java:769)\n"
)


@pytest.mark.parametrize("database", ["neo4j", "system"])
@pytest.mark.parametrize(
    ("reason", "words", "retryable"),
    [
        (
            "Fail to start 'DatabaseId{a1b22174}' since transaction logs were found, while "
            "database files are missing.",
            "files of its data are missing",
            False,
        ),
        (
            "Store file [/s/neostore.nodestore.db] is missing and recovery is not possible.",
            "files of its data are missing",
            False,
        ),
        (
            "Transaction logs are missing and recovery is not possible.",
            "files of its data are missing",
            False,
        ),
        ("who knows", "did not start. See", True),
    ],
)
def test_a_database_that_did_not_start_is_explained_by_its_own_error_only(
    tmp_path, database, reason, words, retryable
):
    debug = tmp_path / diagnosis.DEBUG
    debug.write_text(START)
    assert diagnosis.explain_database(tmp_path, 0) is None
    assert not diagnosis.is_hopeless(tmp_path, 0)
    debug.write_text(START + FAILED.format(database=database, reason=reason))
    failure = diagnosis.explain_database(tmp_path, 0)
    assert words in failure.text
    assert failure.retryable is retryable
    assert diagnosis.is_hopeless(tmp_path, 0)
    assert not diagnosis.is_hopeless(tmp_path, debug.stat().st_size)


def test_java_that_only_shows_its_version_is_no_passing_failure(tmp_path):
    (tmp_path / diagnosis.CONSOLE).write_text('openjdk version "25.0.3"')
    failure = diagnosis.explain_start(tmp_path, status=0)
    assert "CONTEXT_JAVA_OPTIONS" in failure.text
    assert not failure.retryable
