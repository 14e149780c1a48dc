"""The image and the composition, as their users run them."""

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_context_persistence.service.keys import SCOPES
from tests.doors.contract_runner import run_contract
from tests.doors.rest_service import check_problem, wait_until
from tests.integration.balancer import Balancer, serve
from tests.integration.composition import REDIS_IMAGE, SERVICE_IMAGE, find_url

pytestmark = pytest.mark.timeout(900)

IMAGE_BYTES = 800_000_000
ALLOWED = {200, 201, 429, 503}
READ_OFFLINE = """
from mcp_context_persistence.ingest.models import encoders, minilm, spacy_pipeline
model = encoders.load(encoders.find(minilm.NAME), batch_size=1, device=None, threads=1)
assert model.encode(["lighthouse"]).shape == (1, 384)
spacy_pipeline.load(spacy_pipeline.DEFAULT)
print("read")
"""


@pytest.fixture
def namespace():
    return f"container-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def key(composition, namespace):
    return composition.create_key(namespace, "read", "write")


def run_image(engine, *command, **options):
    """Run the image with a read-only root and without a network; return its status and output."""
    container = engine.containers.run(
        SERVICE_IMAGE,
        list(command) or None,
        detach=True,
        network_mode="none",
        read_only=True,
        tmpfs={"/tmp": ""},
        cap_drop=["ALL"],
        **options,
    )
    try:
        status = container.wait(timeout=120)["StatusCode"]
        return status, container.logs().decode()
    finally:
        container.remove(force=True, v=True)


def save(client, conversation, *texts):
    messages = [
        {"id": f"{conversation}-{number}", "role": "user", "content": text}
        for number, text in enumerate(texts)
    ]
    return client.put(f"/v1/conversations/{conversation}", json={"messages": messages})


def search(client, query):
    response = client.post("/v1/search", json={"query": query, "limit": 5})
    response.raise_for_status()
    return [result["content"] for result in response.json()["results"]]


def call_tool(url, key, name, **arguments):
    async def main():
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http)) as session,
        ):
            return await session.call_tool(name, arguments)

    result = asyncio.run(main())
    assert not result.is_error, result.content
    return result.structured_content


def test_the_image_is_small_and_refuses_to_serve_without_keys(engine):
    image = engine.images.get(SERVICE_IMAGE)
    assert image.attrs["Size"] <= IMAGE_BYTES
    assert image.attrs["Config"]["User"] == "10001:10001"
    status, output = run_image(engine)
    assert (status, output.count("\n")) == (2, 1)
    assert "CONTEXT_API_KEYS_FILE" in output


def test_the_image_has_its_models_and_writes_only_to_its_home(engine):
    status, output = run_image(engine, "python", "-c", READ_OFFLINE)
    assert (status, output.strip().splitlines()[-1]) == (0, "read")
    written = "touch ~/a /tmp/b && id -u && ! touch /opt/context/c /etc/d /keys/../e"
    status, output = run_image(engine, "sh", "-c", written)
    assert status == 0, output
    assert "10001" in output.split()


def test_all_parts_are_healthy_and_reached_from_this_machine_alone(composition, record_property):
    record_property(
        "start of the composition to ready, in seconds", round(composition.start_seconds)
    )
    for service in ("service", "neo4j"):
        container = composition.find_container(service)

        def is_healthy(container=container):
            container.reload()
            return container.attrs["State"]["Health"]["Status"] == "healthy"

        wait_until(is_healthy, 120)
        bindings = container.attrs["NetworkSettings"]["Ports"].values()
        hosts = {row["HostIp"] for rows in bindings for row in rows or ()}
        assert hosts == {"127.0.0.1"}
    environment = composition.find_container().attrs["Config"]["Env"]
    assert composition.password not in str(environment)
    host = composition.find_container().attrs["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]


def test_what_one_door_saves_the_other_finds_and_only_with_its_key(composition, namespace, key):
    text = "The lighthouse of Vela has a red lamp."
    url = find_url(composition.find_container())
    with composition.open_client(key) as client:
        save(client, "vela", text).raise_for_status()
        stored = call_tool(url, key, "remember", content="The harbour of Vela is deep.")
        assert text in search(client, "Which lamp does the lighthouse have?")
        assert "The harbour of Vela is deep." in search(client, "How deep is the harbour?")
    recalled = call_tool(url, key, "recall", query="lighthouse lamp")["results"]
    assert text in [result["text"] for result in recalled]
    assert stored["created"]

    foreign = composition.create_key(f"{namespace}-other", "read")
    with composition.open_client(foreign) as client:
        assert search(client, "lighthouse lamp") == []
        check_problem(save(client, "vela", text), 403, "forbidden")
    assert call_tool(url, foreign, "recall", query="lighthouse")["results"] == []
    for wrong in (None, "cp_00000000_" + "A" * 43):
        with composition.open_client(wrong) as client:
            check_problem(client.get("/v1/stats"), 401, "unauthorized")
            check_problem(client.post("/mcp", json={}), 401, "unauthorized")


def test_the_contract_of_the_doors_holds(composition, namespace):
    key, read_key = (composition.create_key(namespace, *scopes) for scopes in (SCOPES, ("read",)))
    url = find_url(composition.find_container())
    assert run_contract(url, key, read_key=read_key) == []


def test_a_revoked_key_is_refused_at_once(composition, namespace, key):
    with composition.open_client(key) as client:
        assert client.get("/v1/stats").status_code == 200
        composition.run("run", "--rm", "keys", "revoke", key.split("_")[1])
        check_problem(client.get("/v1/stats"), 401, "unauthorized")


def test_a_stop_answers_what_was_asked_and_ends_in_time(composition, namespace, key):
    container = composition.find_container()
    lines = "\n".join(
        f'{{"conversation_id": "c-{number}", "messages": [{{"id": "m-{number}", "role": "user", '
        f'"content": "Ship {number} enters the harbour of Vela."}}]}}'
        for number in range(100)
    )
    with composition.open_client(key) as client, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(
            client.post,
            "/v1/ingest",
            content=lines,
            headers={"Content-Type": "application/jsonl"},
        )
        wait_until(lambda: count_messages(composition, key) > 0 or asked.done())
        container.stop(timeout=50)
        answer = asked.result()
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0
    assert answer.status_code == 200
    assert all('"result"' in line for line in answer.text.strip().splitlines())
    container.start()
    composition.wait_until_ready()
    assert count_messages(composition, key) == 100


def count_messages(composition, key):
    with composition.open_client(key) as client:
        response = client.get("/v1/stats")
        return response.json()["stats"]["total_messages"] if response.status_code == 200 else 0


def test_neo4j_stops_for_a_backup_and_nothing_else_needs_a_restart(
    composition, namespace, key, tmp_path
):
    tmp_path.chmod(0o777)
    text = "The lamp was lit before the backup."
    with composition.open_client(key) as client:
        save(client, "before", text).raise_for_status()
        composition.run("stop", "neo4j")
        wait_until(lambda: client.get("/readyz").status_code == 503, 60)
        assert client.get("/healthz").status_code == 200
        response = client.post("/v1/search", json={"query": "lamp"})
        assert response.status_code in {503, 504}
        assert response.json()["retryable"]
        dump = ("neo4j-admin", "database", "dump", "neo4j", "--to-path=/backups")
        composition.run("run", "--rm", "--volume", f"{tmp_path}:/backups", "neo4j", *dump)
        assert (tmp_path / "neo4j.dump").stat().st_size > 10_000
        composition.run("start", "neo4j")
        composition.wait_until_ready()
        assert text in search(client, "When was the lamp lit?")
        save(client, "after", "The lamp was lit after it, too.").raise_for_status()
    exported = composition.run(
        "exec", "-T", "service", "context-persistence", "export", "--namespace", namespace
    )
    assert text in exported


class Writer(threading.Thread):
    """Appends messages through all replicas in turn, and notes what was acknowledged.

    Attributes:
        acknowledged: The ids of the messages that a replica took.
        wrong: Answers that no caller may get.
        refused: How many requests ended without an answer, or with one that asks to come again.
    """

    def __init__(self, urls, key, name):
        super().__init__()
        self._urls, self._key, self.conversation = urls, key, name
        self.acknowledged: set[str] = set()
        self.wrong: list[str] = []
        self.refused = 0
        self.stop = threading.Event()

    def run(self):
        number = 0
        headers = {"Authorization": f"Bearer {self._key}"}
        clients = [
            httpx2.Client(base_url=url, headers=headers, timeout=60, trust_env=False)
            for url in self._urls
        ]
        while not self.stop.is_set():
            client = clients[number % len(clients)]
            identifier = f"{self.conversation}-{number}"
            number += 1
            try:
                self._ask(client, identifier)
            except httpx2.TransportError:
                self.refused += 1
                self.stop.wait(0.05)
        for client in clients:
            client.close()

    def _ask(self, client, identifier):
        message = {"id": identifier, "role": "user", "content": f"Ship {identifier} is in."}
        path = f"/v1/conversations/{self.conversation}"
        response = client.post(f"{path}/messages", json={"messages": [message]})
        if response.status_code not in ALLOWED:
            self.wrong.append(response.text)
        elif response.status_code in {429, 503}:
            self.refused += 1
        else:
            self.acknowledged.add(identifier)
        response = client.get(path)
        if response.status_code == 200:
            stored = {message["id"] for message in response.json()["messages"]}
            missing = self.acknowledged - stored
            if missing:
                self.wrong.append(f"not there: {sorted(missing)[:3]}")
        elif response.status_code not in {*ALLOWED, 404}:
            self.wrong.append(response.text)


@pytest.fixture
def replicas(composition):
    """Three services that run, with a cache in Redis."""
    composition.variables["CONTEXT_API_REDIS_URL"] = "redis://redis"
    composition.engine.images.get(REDIS_IMAGE)
    composition.run("--profile", "cache", "up", "--detach", "--scale", "service=3")
    replicas = composition.list_containers()
    assert len(replicas) == 3
    composition.wait_until_ready(replicas)
    return replicas


def test_the_contract_holds_while_replicas_are_killed(composition, namespace, replicas):
    key, read_key = (composition.create_key(namespace, *scopes) for scopes in (SCOPES, ("read",)))
    urls = {replica.name: find_url(replica) for replica in replicas}

    def restart(replica):
        replica.start()
        urls[replica.name] = find_url(replica)

    # The numbers of requests, each of which goes to the replica that is killed.
    events = {60: replicas[0].kill, 301: replicas[1].kill}
    balancer = Balancer(lambda: list(urls.values()), events)
    with serve(balancer) as url, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(run_contract, url, key, read_key=read_key)
        wait_until(lambda: balancer.requests > 250 or asked.done(), 300)
        restart(replicas[0])
        assert asked.result() == []
    assert events == {}  # both were killed
    assert balancer.repeated >= 2
    restart(replicas[1])
    composition.wait_until_ready(replicas)


def test_one_of_three_replicas_is_killed_and_nothing_is_lost(composition, replicas, key):
    urls = [find_url(replica) for replica in replicas]
    writers = [Writer(urls, key, f"ships-{number}") for number in range(4)]
    for writer in writers:
        writer.start()
    wait_until(lambda: all(len(writer.acknowledged) > 5 for writer in writers), 120)
    replicas[0].kill()
    counts = [len(writer.acknowledged) for writer in writers]
    wait_until(
        lambda: all(
            len(writer.acknowledged) > count + 5
            for writer, count in zip(writers, counts, strict=True)
        ),
        120,
    )
    for writer in writers:
        writer.stop.set()
        writer.join()
    assert [writer.wrong for writer in writers] == [[]] * 4
    assert sum(writer.refused for writer in writers) > 0  # those of the replica that was killed
    for number, replica in enumerate(replicas[1:]):
        with composition.open_client(key, replica) as client:
            for writer in writers:
                stored = client.get(f"/v1/conversations/{writer.conversation}").json()["messages"]
                assert writer.acknowledged <= {message["id"] for message in stored}
            text = f"The lamp is {('green', 'blue')[number]} now."
            save(client, "lamp", text).raise_for_status()
            for other in replicas[1:]:
                with composition.open_client(key, other) as second:
                    assert text in search(second, "Which colour does the lamp have?")
    redis = composition.find_container("redis")
    assert int(redis.exec_run(["redis-cli", "dbsize"]).output) > 0  # the cache is in use
