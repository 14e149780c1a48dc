"""Every bench runs to its end on data sets of a few lines."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import neo4j
import pytest

from bench import baseline, files
from bench.quality import cooccurrence_training, modality, name_training
from tests.acceptance import bench_data

pytest.importorskip("sentence_transformers", reason="the benches compare with all extras")
pytest.importorskip("mcp", reason="the benches compare with all extras")

URL = "URL"  # stands for the server of the tests
DATA = "DATA"  # stands for the folder of the data sets
LOCOMO = "LOCOMO"  # stands for the file of the chats
MESSAGES = "MESSAGES"  # stands for a file of labeled messages
INSTRUCTIONS = "INSTRUCTIONS"  # stands for the file of the labeled messages of users
MODALITY = "MODALITY"  # stands for the file of the labeled modalities
SERVER_BENCHES = {
    "bench": ["--tiny", "--data", DATA, "--database-url", URL],
    "bench.speed.scale": [DATA, "--small", "100", "--large", "120", "--queries", "3",
                          "--database-url", URL],
    "bench.speed.batches": [DATA, "--messages", "20", "--rounds", "1", "--database-url", URL],
    "bench.speed.caching": ["--reads", "20", "--saves", "1", "--calls", "3", "--database-url", URL],
    "bench.speed.mcp_calls": ["--calls", "3", "--starts", "1", "--database-url", URL],
    "bench.speed.rest": [DATA, "--messages", "20", "--callers", "2", "--searches", "2",
                         "--rounds", "1", "--tiny", "--database-url", URL],
    "bench.speed.service_load": ["--seconds", "2", "--first", "1", "--clients", "3", "--writers",
                                 "1", "--messages", "20", "--database-url", URL],
    "bench.quality.evidence": [DATA, "--database-url", URL],
    "bench.quality.learn": [DATA, "--database-url", URL],
    "bench.quality.instructions": [DATA, "--database-url", URL, "--messages", INSTRUCTIONS],
    "bench.quality.context": [DATA, "--database-url", URL],
    "bench.quality.confidence": [DATA, "--database-url", URL, "--parts", "1"],
    "bench.quality.history": [DATA, "--database-url", URL],
    "bench.quality.locomo": [DATA, "--database-url", URL],
    "bench.quality.qmsum": [DATA, "--database-url", URL],
    "bench.quality.repeated_questions": ["--database-url", URL, "--limit", "1"],
    "bench.quality.languages": ["--database-url", URL, "--languages", "de", "--questions", "2"],
}  # fmt: skip
OTHER_BENCHES = {
    "bench.speed.ingest_rate": [LOCOMO, "--messages", "10", "--rounds", "1"],
    "bench.quality.extraction": [DATA, "--speed", "--errors"],
    "bench.quality.messages": [MESSAGES, "--errors"],
    "bench.quality.modality": [MODALITY, "--errors"],
    "bench.quality.entity_resolution": [DATA],
    "bench.quality.learn_records": [DATA],
    "bench.quality.name_training": [DATA],
    "bench.quality.instruction_training": [DATA, "--messages", INSTRUCTIONS],
    "bench.quality.cooccurrence_training": [],
    "bench.quality.names": [MESSAGES, "--errors"],
    "bench.required": [DATA, "--only"],
}
# These start and stop servers of their own.
MANAGED_BENCHES = {
    "bench": ["--tiny", "--data", DATA, "--only", "start", "attach"],
    "bench.speed.memory_usage": ["--data", DATA, "--messages", "20", "--limit", "4GB"],
    "bench.datasets.load": [DATA, "--sets", "locomo", "--kill-after", "1"],
    "bench.peers": [DATA, "--peer", "ours"],
}
RESULTS = {
    "bench": "speed.json",
    "bench.speed.scale": "scale.json",
    "bench.speed.mcp_calls": "mcp_calls.json",
    "bench.speed.rest": "rest.json",
    "bench.speed.service_load": "service_load.json",
    "bench.quality.evidence": "quality.json",
    "bench.quality.context": "context.json",
    "bench.quality.confidence": "confidence.json",
    "bench.quality.history": "history.json",
    "bench.quality.instructions": "instructions.json",
    "bench.quality.repeated_questions": "repeated_questions.json",
    "bench.quality.locomo": "locomo.jsonl",
    "bench.quality.qmsum": "qmsum.jsonl",
    "bench.quality.languages": "languages_dev.json",
    "bench.quality.extraction": "extraction.json",
    "bench.quality.messages": "messages.json",
    "bench.quality.names": "names.json",
    "bench.quality.modality": "modality.json",
    "bench.quality.entity_resolution": "resolution.json",
    "bench.required": "required.json",
    "bench.peers": "peers.json",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bench_data.write_all(tmp_path_factory.mktemp("data"))


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the benches write to, instead of bench/results."""
    monkeypatch.setattr(files, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def url(server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server of the tests; what a bench writes there is deleted afterwards."""
    namespaces = "MATCH (n) WHERE n.namespace IS NOT NULL RETURN DISTINCT n.namespace AS namespace"
    delete = (
        "MATCH (n {namespace: $namespace}) "
        "CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS"
    )
    monkeypatch.setenv("CONTEXT_DB_USER", server.user)
    monkeypatch.setenv("CONTEXT_DB_PASSWORD", server.password)
    with (
        neo4j.GraphDatabase.driver(
            server.bolt_url, auth=server.auth, notifications_min_severity="OFF"
        ) as driver,
        driver.session() as session,
    ):
        before = set(session.run(namespaces).value())
        yield server.bolt_url
        for namespace in set(session.run(namespaces).value()) - before:
            session.run(delete, namespace=namespace).consume()


def run(module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int | None:
    """Run a bench in this process."""
    name = "bench.__main__" if module == "bench" else module
    name = "bench.peers.__main__" if module == "bench.peers" else name
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    return importlib.import_module(name).main()


def check_results(module: str, results: Path) -> None:
    if module in RESULTS:
        assert (results / RESULTS[module]).read_text().strip()


@pytest.mark.parametrize("module", SERVER_BENCHES)
def test_benches_run_on_a_server(
    module: str,
    url: str,
    data: Path,
    results: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    from bench.speed import reading

    if module == "bench":  # it compares with the bare models, in programs of their own
        request.getfixturevalue("torch_in_programs")

    monkeypatch.setattr(reading, "WARM", 1)
    monkeypatch.setattr(reading, "ROUNDS", 3)
    instructions = str(data / "instructions.jsonl")
    replacements = {URL: url, DATA: str(data), INSTRUCTIONS: instructions}
    arguments = [replacements.get(word, word) for word in SERVER_BENCHES[module]]
    run(module, arguments, monkeypatch)
    check_results(module, results)


@pytest.mark.parametrize("module", OTHER_BENCHES)
def test_benches_run_without_a_server(
    module: str, data: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modality, "FILES", (data / "modality.jsonl",))
    monkeypatch.setattr(cooccurrence_training, "OWN_FILES", (data / "modality.jsonl",) * 2)
    monkeypatch.setattr(cooccurrence_training, "PARTS", 2)
    own_files = {name: (str(data / "messages.jsonl"),) for name in name_training.OWN_FILES}
    monkeypatch.setattr(name_training, "OWN_FILES", own_files)
    replacements = {
        DATA: str(data),
        LOCOMO: str(data / "locomo" / "locomo_dev.json"),
        MESSAGES: str(data / "messages.jsonl"),
        MODALITY: str(data / "modality.jsonl"),
        INSTRUCTIONS: str(data / "instructions.jsonl"),
    }
    arguments = [replacements.get(word, word) for word in OTHER_BENCHES[module]]
    run(module, arguments, monkeypatch)
    check_results(module, results)


@pytest.mark.parametrize("module", MANAGED_BENCHES)
def test_benches_run_on_servers_of_their_own(
    module: str, data: Path, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [str(data) if word == DATA else word for word in MANAGED_BENCHES[module]]
    run(module, arguments, monkeypatch)
    check_results(module, results)


def test_every_bench_is_run_here() -> None:
    commands = {
        ".".join(path.relative_to(files.ROOT).with_suffix("").parts).removesuffix(".__main__")
        for path in (files.ROOT / "bench").rglob("*.py")
        if 'if __name__ == "__main__"' in path.read_text()
    }
    peers = {f"bench.peers.{path.stem}" for path in (files.ROOT / "bench" / "peers").glob("*.txt")}
    run_here = {*SERVER_BENCHES, *OTHER_BENCHES, *MANAGED_BENCHES, "bench.speed.encoding"}
    assert commands - peers == run_here


@pytest.mark.usefixtures("torch_in_programs")
def test_encoding_is_measured_in_a_process_of_its_own(data: Path) -> None:
    """It binds its process to one processor."""
    from bench.speed import encoding

    assert encoding.measure_in_process(data, count=5, rounds=1).ratio


def test_the_rows_of_make_bench_have_ratios(
    url: str, data: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--tiny", "--data", str(data), "--only", "version", "small", "append"]
    run("bench", [*arguments, "--database-url", url], monkeypatch)
    rows = json.loads((results / "speed.json").read_text())["rows"]
    assert [row["unit"] for row in rows] == ["s", "ms", "ms"]
    assert all(row["ratio"] > 0 for row in rows)


def test_committed_ratios_are_of_rows_that_exist() -> None:
    assert baseline.read_baseline()
    assert all(ratio > 0 for ratio in baseline.read_baseline().values())
