"""Commands as processes of their own: pipes, signals and what they import."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

COMMAND = str(Path(sys.executable).parent / "context-persistence")
TALK = {
    "conversation_id": "talk",
    "messages": [{"role": "user", "content": "The OrderParser class uses pandas."}],
}


@pytest.fixture
def start(server, namespace):
    """Start a command on the namespace, from another folder and with few variables."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {
        "CONTEXT_DB_URL": server.bolt_url,
        "CONTEXT_NAMESPACE": namespace,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    if server.auth:
        environment |= {"CONTEXT_DB_USER": server.user, "CONTEXT_DB_PASSWORD": server.password}
    started: list[subprocess.Popen[str]] = []

    def start_command(*words, **streams):
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        options: dict[str, Any] = pipes | streams
        started.append(
            subprocess.Popen([COMMAND, *words], text=True, env=environment, cwd="/", **options)
        )
        return started[-1]

    yield start_command
    for process in started:
        process.kill()
        process.communicate()


def wait_until_idle(pid):
    """Wait until a command has taken no processor time for a second: it waits for its input."""
    process, before = psutil.Process(pid), None
    while (now := process.cpu_times()) != before:
        before = now
        time.sleep(1)


def test_a_conversation_goes_through_pipes(start):
    saving = start("save", "-")
    output, errors = saving.communicate(json.dumps(TALK), timeout=120)
    assert (saving.returncode, output) == (0, "talk\n"), errors
    searching = start("search", "-", "--json", "--type", "message")
    output, errors = searching.communicate("who uses pandas?", timeout=120)
    assert searching.returncode == 0, errors
    assert [json.loads(line)["conversation_id"] for line in output.splitlines()] == ["talk"]
    assert errors.startswith("confidence 0.")  # a note, beside the JSON


def test_an_interrupt_ends_with_130(start):
    process = start("save", "-")
    assert process.stdin is not None
    process.stdin.write(json.dumps(TALK) + "\n")
    process.stdin.flush()
    reading = start("list")
    assert reading.communicate(timeout=120)[0] == ""
    wait_until_idle(process.pid)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert errors.endswith("stopped\n")
    assert "Traceback" not in errors


def test_a_reader_may_close_the_output(start):
    process = start("--help")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1


@pytest.mark.parametrize("words", [("--help",), ("stats",), ("list",), ("export", "--json")])
def test_an_output_that_cannot_be_written_is_an_error_of_one_line(start, client, words):
    client.save_conversation(**TALK)
    with Path("/dev/full").open("w") as full:
        process = start(*words, stdout=full)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    (line,) = errors.splitlines()
    assert "No space left on device" in line
    if "--json" in words:
        assert json.loads(line)["outcome"] == "unknown"


COMMANDS = {
    ("save",): 2,
    ("search", "-"): 2,
    ("list",): 0,
    ("delete", "entity", "pandas"): 2,
}


@pytest.mark.parametrize(
    ("words", "number"),
    [
        pytest.param(words, number, marks=() if place % 3 == number else pytest.mark.long)
        for place, words in enumerate(COMMANDS)
        for number in (0, 1, 2)
    ],
)
def test_a_closed_standard_stream_is_an_empty_one(start, words, number):
    process = start(*words, preexec_fn=lambda: os.close(number))
    output, errors = process.communicate("", timeout=120)
    assert process.returncode == COMMANDS[words], errors
    assert "Traceback" not in output + errors


def test_an_input_that_cannot_be_read_is_named(start):
    with Path("/proc/self/mem").open("rb") as memory:  # its first bytes belong to nobody
        process = start("search", "-", stdin=memory)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert errors == "error: standard input cannot be read: Input/output error\n"


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["--version"], ("neo4j", "pydantic", "rich", "numpy")),
        (["--help"], ("neo4j", "pydantic", "rich", "numpy")),
        (["stats"], ("spacy", "rich", "pandas")),
        (["search", "pandas"], ("spacy", "rich", "pandas", "redis")),
    ],
)
def test_commands_import_only_what_they_need(server, namespace, words, unwanted):
    assert list_imported(server, namespace, words, unwanted) == "[]"


def test_a_command_that_uses_the_service_imports_no_driver(
    server, namespace, service_home, monkeypatch
):
    monkeypatch.setenv("XDG_DATA_HOME", str(service_home))
    unwanted = ("neo4j", "numpy", "torch", "spacy", "onnxruntime", "yaml", "rich")
    words = ["search", "pandas"]
    assert list_imported(server, namespace, words, unwanted) == "[]"


def list_imported(server, namespace, words, unwanted):
    """Run a command, and return which of some packages it has imported."""
    script = (
        "import sys\n"
        "from mcp_context_persistence.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        f"print([name for name in {unwanted!r} if name in sys.modules], file=sys.stderr)\n"
    )
    options = ["--store", server.bolt_url, "--namespace", namespace]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    if server.auth:
        environment |= {"CONTEXT_DB_USER": server.user, "CONTEXT_DB_PASSWORD": server.password}
    done = subprocess.run(
        [sys.executable, "-c", script, *options, *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=environment,
    )
    return done.stderr.splitlines()[-1]
