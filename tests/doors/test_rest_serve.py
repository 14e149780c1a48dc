"""`context-persistence serve` in a process of its own, and how others find it."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import httpx2
import pytest

from mcp_context_persistence.kg.local import leases
from mcp_context_persistence.service import lease
from mcp_context_persistence.service.folders import find_credentials
from mcp_context_persistence.service.lease import ServiceLease, find_service
from mcp_context_persistence.service.server import listen
from tests.doors.rest_service import check_problem, wait_until, wait_until_ready

COMMAND = [sys.executable, "-m", "mcp_context_persistence.cli.main"]


def run_command(*arguments, **environment):
    return subprocess.run(  # noqa: PLW1510 - the tests look at its status
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
    )


@contextlib.contextmanager
def serving(*arguments, **environment):
    """The process of a service, and the address that it prints."""
    process = subprocess.Popen(
        [*COMMAND, "serve", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        line = process.stdout.readline()
        match = re.fullmatch(r"serving on (http://\S+)\n", line)
        assert match, line + (process.stderr.read() if process.poll() is not None else "")
        yield process, match[1]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def database(server):
    """Environment variables that name the tests' Neo4j."""
    return {
        "CONTEXT_DB_URL": server.bolt_url,
        "CONTEXT_DB_USER": server.user,
        "CONTEXT_DB_PASSWORD": server.password,
    }


def test_answers_are_not_held_back():
    """Only for connections of this protocol, asyncio sets TCP_NODELAY."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_service_is_found_drains_and_stops(server, database, namespace, tmp_path):
    database |= {"XDG_DATA_HOME": str(tmp_path)}
    with serving("--port", "0", "--namespace", namespace, **database) as (process, url):
        folders = list((tmp_path / "context-persistence").glob("services/*"))
        assert len(folders) == 1
        folder = folders[0]
        credentials = find_credentials(server.bolt_url, auth=server.auth)
        address = find_service(folder, credentials=credentials)
        assert address is not None
        assert address.url == url
        assert address.pid == process.pid
        assert "secret" not in repr(address)
        other = f"{namespace}-b"
        with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
            wait_until_ready(client, "/readyz")
            headers = {"Authorization": address.authorization(other)}
            body = {"messages": [{"role": "user", "content": "The pump uses Redis."}]}
            saved = client.put("/v1/conversations/talk", json=body, headers=headers)
            assert saved.status_code == 200
            assert client.get("/v1/conversations/talk").status_code == 404
            assert client.get("/v1/conversations/talk", headers=headers).status_code == 200
            forged = {"Authorization": address.authorization(other)[:-1] + "0"}
            assert client.get("/v1/stats", headers=forged).status_code in {200, 401}
            second = run_command("serve", "--port", "0", **database)
            assert second.returncode == 0, second.stderr
            assert second.stdout == f"already served on {url} by process {process.pid}\n"
            client.delete("/v1/namespace", params={"confirm": other}, headers=headers)
            stop_during_a_call(process, client)
        assert process.wait(60) == 0
        assert find_service(folder, credentials=credentials) is None
        assert not (folder / lease.STATE_NAME).exists()


def stop_during_a_call(process, client):
    """SIGTERM while a request is being answered: it still gets its answer."""
    lines = b"".join(
        json.dumps(
            {
                "conversation_id": f"drain-{number}",
                "messages": [{"role": "user", "content": f"The pump {number} uses Redis."}],
            }
        ).encode()
        + b"\n"
        for number in range(100)
    )
    headers = {"Content-Type": "application/jsonl"}
    with client.stream("POST", "/v1/ingest", content=lines, headers=headers) as response:
        assert response.status_code == 200
        process.send_signal(signal.SIGTERM)
        answers = [json.loads(line) for line in response.iter_lines()]
    assert [answer["line"] for answer in answers] == list(range(1, 101))
    assert all("result" in answer for answer in answers)


def test_other_machines_are_not_served_without_keys(database, tmp_path):
    refused = run_command(
        "serve", "--host", "0.0.0.0", "--port", "0", XDG_DATA_HOME=str(tmp_path), **database
    )
    assert refused.returncode == 2
    assert "keys create" in refused.stderr


def test_a_port_that_is_taken_is_said(database, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = run_command(
            "serve", "--port", taken.getsockname()[1], XDG_DATA_HOME=str(tmp_path), **database
        )
    assert refused.returncode == 1
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_no_store_is_made_where_the_port_is_taken(tmp_path):
    store = tmp_path / "store"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = run_command("serve", "--port", taken.getsockname()[1], "--store", store)
    assert refused.returncode == 1
    assert "--port" in refused.stderr
    assert not store.exists()


def test_a_missing_file_of_keys_does_not_open_the_service(database, tmp_path):
    refused = run_command(
        "serve", "--port", "0", CONTEXT_API_KEYS_FILE=str(tmp_path / "missing"), **database
    )
    assert refused.returncode == 2
    assert "CONTEXT_API_KEYS_FILE" in refused.stderr


@pytest.mark.parametrize("log_format", [pytest.param("", marks=pytest.mark.long), "text", "json"])
def test_each_event_is_one_line_of_the_log(log_format, tmp_path):
    variables = {"CONTEXT_DB_URL": "bolt://127.0.0.1:9", "XDG_DATA_HOME": str(tmp_path)}
    with serving("--port", "0", LOG_FORMAT=log_format, **variables) as (process, _):
        lines = [process.stderr.readline()]
        process.send_signal(signal.SIGTERM)
        lines += process.communicate()[1].splitlines()
    assert (len(lines), process.returncode) == (1, 0), lines
    if log_format == "json":
        assert json.loads(lines[0])["level"] == "WARNING"
    else:
        assert "service - WARNING - the service is not ready" in lines[0]


@pytest.fixture
def usual_hangup():
    """Have new processes end at SIGHUP, also where these tests were started with `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("usual_hangup")
@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGTERM],
        pytest.param([signal.SIGINT], marks=pytest.mark.long),
        [signal.SIGHUP],
        [signal.SIGINT, signal.SIGINT],
    ],
    ids=["SIGTERM", "SIGINT", "SIGHUP", "two SIGINT"],
)
def test_a_service_ends_at_a_signal(signals, tmp_path):
    variables = {"CONTEXT_DB_URL": "bolt://127.0.0.1:9", "XDG_DATA_HOME": str(tmp_path)}
    with serving("--port", "0", **variables) as (process, _):
        for number in signals:
            process.send_signal(number)
        output = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in "".join(output)
    assert not list(tmp_path.rglob(lease.STATE_NAME))


def test_a_second_interrupt_ends_the_process_while_calls_compute(database, namespace, tmp_path):
    """Threads that run a model cannot be ended: Python would abort the process."""
    database |= {"XDG_DATA_HOME": str(tmp_path)}
    text = "The PumpController class of the northern plant uses Redis. " * 2_000
    with serving("--port", "0", "--namespace", namespace, **database) as (process, url):
        with httpx2.Client(base_url=url, timeout=120, trust_env=False) as client:
            wait_until_ready(client, "/readyz")

            def save(number):
                with contextlib.suppress(httpx2.TransportError):
                    return client.put(f"/v1/documents/long-{number}", json={"text": text})

            with ThreadPoolExecutor(4) as threads:
                answers = [threads.submit(save, number) for number in range(4)]
                wait_until(lambda: "http_running 5.0" in client.get("/metrics").text)
                for _ in range(2):
                    process.send_signal(signal.SIGINT)
                    time.sleep(0.3)  # the system delivers two at once as one
                output = process.communicate(timeout=60)
            for response in filter(None, (answer.result() for answer in answers)):
                check_problem(response, 503, "unavailable")
        assert (process.returncode, output[1]) == (0, "")
    assert not list(tmp_path.rglob(lease.STATE_NAME))


def test_a_service_that_ignores_the_end_of_its_terminal_stays(tmp_path):
    variables = {"CONTEXT_DB_URL": "bolt://127.0.0.1:9", "XDG_DATA_HOME": str(tmp_path)}
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as with `nohup`
    try:
        with serving("--port", "0", **variables) as (process, _):
            status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        signal.signal(signal.SIGHUP, before)
    ignored = int(re.search(r"^SigIgn:\s*(\w+)", status, re.MULTILINE)[1], 16)
    assert ignored & 1 << signal.SIGHUP - 1


def test_a_redis_that_is_no_address_is_refused(tmp_path):
    refused = run_command(
        "serve", CONTEXT_API_REDIS_URL="localhost:6379", XDG_DATA_HOME=str(tmp_path)
    )
    assert refused.returncode == 2
    assert "redis_url" in refused.stderr


def test_keys_are_made_listed_rotated_and_revoked(tmp_path):
    file = ("--file", tmp_path / "keys.json")
    created = run_command("keys", "create", *file, "--namespace", "team", "--scope", "read")
    token = created.stdout.strip()
    assert re.fullmatch(r"cp_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", token)
    listed = run_command("keys", "list", *file, "--json")
    [row] = json.loads(listed.stdout)
    assert (row["namespace"], row["scopes"], row["valid"]) == ("team", ["read"], True)
    assert token not in listed.stdout
    assert run_command("keys", "rotate", row["id"], *file).stdout.startswith("cp_")
    assert run_command("keys", "revoke", row["id"], *file).returncode == 0
    assert run_command("keys", "revoke", row["id"], *file).returncode == 3
    assert row["id"] not in run_command("keys", "list", *file).stdout


class Listener:
    """Answers every request with the same headers, like a foreign listener."""

    def __init__(self, *headers):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen()
        self.port = self.socket.getsockname()[1]
        self.requests = []
        self._headers = headers
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                with connection:
                    self.requests.append(connection.recv(65_536))
                    lines = ["HTTP/1.1 200 OK", "Content-Length: 0", *self._headers, "", ""]
                    connection.sendall("\r\n".join(lines).encode())


def test_a_foreign_listener_is_not_taken_for_the_service(tmp_path):
    held = ServiceLease(tmp_path)
    assert held.take()
    for headers in ((), (f"{lease.PROOF_HEADER}: {'0' * 64}",)):
        foreign = Listener(*headers)
        held.publish("127.0.0.1", foreign.port)
        assert find_service(tmp_path) is None
        assert all(held.secret.text.encode() not in request for request in foreign.requests)
        assert all(b"authorization" not in request.lower() for request in foreign.requests)
        foreign.socket.close()
    held.give_back()


def test_a_file_without_a_lease_is_not_believed(tmp_path, open_service):
    """As after `kill -9`, or in a copied folder."""
    held = ServiceLease(tmp_path / "store")
    assert held.take()
    held.publish("127.0.0.1", open_service.port)
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    assert find_service(tmp_path / "copy") is None
    assert not ServiceLease(tmp_path / "store").take()
    held._lock.close()
    assert not leases.is_locked(tmp_path / "store" / lease.LOCK_NAME)
    assert find_service(tmp_path / "store") is None
    assert find_service(tmp_path / "missing") is None
    assert find_service(None) is None


def test_a_damaged_file_of_a_lease_is_not_believed(tmp_path):
    held = ServiceLease(tmp_path)
    assert held.take()
    held.publish("127.0.0.1", 1)
    file = tmp_path / lease.STATE_NAME
    address = lease._read_file(file)
    assert address is not None
    for text in ("", "{", "[]", json.dumps(asdict(replace(address, secret="not hexadecimal")))):
        file.write_text(text)
        assert find_service(tmp_path) is None
    start = time.monotonic()
    file.write_text(json.dumps(asdict(replace(address, started="0"))))
    assert find_service(tmp_path) is None
    assert time.monotonic() - start < 60
    held.give_back()
