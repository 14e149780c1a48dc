"""Metrics, spans and log lines of calls."""

import io
import json
import logging
import os
import re
import sys
import threading
from pathlib import Path

import pytest

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import NotFoundError, ValidationError
from mcp_context_persistence.runtime.config.settings import load_config
from mcp_context_persistence.runtime.telemetry import log_settings
from mcp_context_persistence.runtime.telemetry.call_telemetry import (
    PROVIDER_VARIABLE,
    CallTelemetry,
)
from mcp_context_persistence.runtime.telemetry.metrics import Metrics

CANARY = "canary-7f3a"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The library's logger, left as it was found."""
    monkeypatch.chdir(tmp_path)
    logger = logging.getLogger(log_settings.TREE)
    before = list(logger.handlers), logger.level
    yield logger
    for handler in set(logger.handlers) - set(before[0]):
        handler.close()
    logger.handlers[:], level = before
    logger.setLevel(level)
    monkeypatch.setattr(log_settings, "_handler", None)
    monkeypatch.setattr(log_settings, "_applied", None)


def fail(telemetry, name="search_hybrid", kind=NotFoundError):
    with pytest.raises(kind), telemetry.call(name):
        raise kind(CANARY) from RuntimeError(CANARY)


def log_an_error(name, message):
    try:
        int(CANARY)
    except ValueError:
        logging.getLogger(name).exception(message)


def test_nothing_was_requested_yet():
    answer = Metrics().summarize()
    assert (
        answer.total_requests,
        answer.avg_response_time,
        answer.error_rate,
        answer.p99,
        answer.calls,
    ) == (0, 0.0, 0.0, 0.0, {})


def test_requests_are_counted_and_timed_by_call():
    metrics = Metrics()
    for seconds in range(1, 101):
        metrics.record("save_conversation", "ok", seconds)
    metrics.record("search_hybrid", "SearchError", 50.0)
    metrics.record("search_hybrid", "NotFoundError", 50.0)
    answer = metrics.summarize()
    assert (answer.total_requests, answer.total_errors) == (102, 2)
    assert answer.error_rate == pytest.approx(2 / 102)
    assert answer.avg_response_time == pytest.approx((5050 + 100) / 102)
    saves, searches = answer.calls["save_conversation"], answer.calls["search_hybrid"]
    assert (saves.count, saves.errors, saves.avg_response_time, saves.p50) == (100, {}, 50.5, 50.5)
    assert 95 <= saves.p95 <= 96
    assert 99 <= saves.p99 <= 100
    assert (searches.count, searches.errors) == (2, {"SearchError": 1, "NotFoundError": 1})


def test_percentiles_cover_the_most_recent_requests():
    metrics = Metrics()
    metrics.record("save_conversation", "ok", 1000.0)
    for _ in range(limits.RECENT_REQUESTS - 1):
        metrics.record("save_conversation", "ok", 1.0)
    assert metrics.summarize().p99 == 1.0
    assert max(metrics._recent["save_conversation"]) == 1000.0
    metrics.record("save_conversation", "ok", 1.0)
    assert max(metrics._recent["save_conversation"]) == 1.0
    assert metrics.summarize().total_requests == limits.RECENT_REQUESTS + 1


def test_threads_lose_no_request():
    metrics = Metrics()

    def work():
        for _ in range(500):
            metrics.record("save_conversation", "ok", 0.001)
            metrics.summarize()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.summarize().calls["save_conversation"].count == 2000


@pytest.mark.parametrize("port", [-1, 65536, True, "9090", 1.5])
def test_a_wrong_port_is_refused(port):
    with pytest.raises(ValidationError, match="metrics_port"):
        Metrics(port)


def test_a_taken_port_is_refused_and_a_closed_one_is_free_again():
    first = Metrics(0)
    with pytest.raises(ValidationError, match="another port"):
        Metrics(first.port)
    port = first.port
    first.close()
    first.close()
    second = Metrics(port)
    assert second.port == port
    second.close()


def test_calls_are_watched_with_their_outcome():
    metrics = Metrics()
    telemetry = CallTelemetry("here", metrics)
    with telemetry.call("save_conversation"):
        pass
    fail(telemetry)
    fail(telemetry, kind=KeyboardInterrupt)
    calls = metrics.summarize().calls
    assert (calls["save_conversation"].count, calls["save_conversation"].errors) == (1, {})
    assert calls["search_hybrid"].errors == {"NotFoundError": 1, "KeyboardInterrupt": 1}


def test_spans_carry_name_namespace_and_outcome_and_no_text(monkeypatch):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider, spans = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    telemetry = CallTelemetry("here", None)
    with telemetry.call("save_conversation"):
        inner = trace.get_current_span().get_span_context().span_id
    fail(telemetry)
    good, bad = spans.get_finished_spans()
    assert good.context.span_id == inner  # what is traced inside becomes its child
    assert (good.name, good.status.is_unset) == ("save_conversation", True)
    assert dict(good.attributes) == {
        "context_persistence.namespace": "here",
        "context_persistence.outcome": "ok",
    }
    assert (bad.name, bad.status.status_code, bad.status.description) == (
        "search_hybrid",
        trace.StatusCode.ERROR,
        None,
    )
    assert (
        bad.attributes["error.type"]
        == bad.attributes["context_persistence.outcome"]
        == "NotFoundError"
    )
    assert CANARY not in good.to_json() + bad.to_json()


def test_without_opentelemetry_calls_go_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setenv(PROVIDER_VARIABLE, "sdk")
    metrics = Metrics()
    with CallTelemetry("here", metrics).call("save_conversation"):
        pass
    assert metrics.summarize().total_requests == 1


def test_opentelemetry_is_not_imported_where_nobody_uses_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    with CallTelemetry("here", Metrics()).call("save_conversation"):
        pass
    assert "opentelemetry.trace" not in sys.modules


@pytest.mark.parametrize("package", ["ingest", "kg", "queries"])
def test_the_other_packages_log_below_the_same_logger(package):
    names = [
        name
        for path in (Path(__file__).parents[2] / package).rglob("*.py")
        for name in re.findall(r"getLogger\((.*?)\)", path.read_text())
    ]
    assert set(names) <= {"__name__", "DRIVER"}  # to the driver's own logger nothing is written


def test_nothing_is_touched_unless_configured(tree):
    before = (
        list(tree.handlers),
        tree.level,
        list(logging.getLogger().handlers),
        logging.getLogger().level,
    )
    log_settings.configure(load_config())
    assert before == (
        list(tree.handlers),
        tree.level,
        list(logging.getLogger().handlers),
        logging.getLogger().level,
    )


def test_json_lines_go_to_the_file(tree):
    root = list(logging.getLogger().handlers), logging.getLogger().level
    log_settings.configure(
        load_config({"log_format": "json", "log_file": "out.log", "log_level": "info"})
    )
    telemetry = CallTelemetry("here", None)
    with telemetry.call("save_conversation"):
        pass
    fail(telemetry)
    log_an_error("mcp_context_persistence.kg.driver", "broken\nline")
    logging.getLogger("mcp_context_persistence.kg.driver").debug("below the level")
    with open("out.log", encoding="utf-8") as file:
        text = file.read()
    good, bad, broken = map(json.loads, text.splitlines())
    assert (good["call"], good["outcome"], good["namespace"], good["level"]) == (
        "save_conversation",
        "ok",
        "here",
        "INFO",
    )
    assert good["seconds"] >= 0
    assert good["time"].endswith("+00:00")
    assert bad["outcome"] == "NotFoundError"
    assert (broken["message"], broken["error"], broken["level"]) == (
        "broken\nline",
        "ValueError",
        "ERROR",
    )
    assert CANARY not in text
    assert root == (list(logging.getLogger().handlers), logging.getLogger().level)


def test_text_goes_to_standard_error(tree, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("sys.stderr", shown)
    log_settings.configure(load_config({"log_level": "WARNING"}))
    with CallTelemetry("here", None).call("save_conversation"):
        pass
    log_an_error("mcp_context_persistence.runtime.engine", "broken")
    lines = shown.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(" - mcp_context_persistence.runtime.engine - ERROR - broken")
    assert lines[1] == "ValueError"


def test_files_are_rotated_by_size(tree, tmp_path):
    log_settings.configure(
        load_config({"log_file": "out.log", "log_max_size": "2kB", "log_backup_count": 2})
    )
    telemetry = CallTelemetry("here", None)
    for _ in range(200):
        with telemetry.call("save_conversation"):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.log", "out.log.1", "out.log.2"]
    assert all(path.stat().st_size <= 2000 for path in tmp_path.iterdir())


def test_one_handler_whatever_the_number_of_clients(tree):
    before = len(tree.handlers)
    for _ in range(3):
        log_settings.configure(load_config({"log_file": "one.log"}))
    assert len(tree.handlers) == before + 1
    log_settings.configure(load_config({"log_file": "two.log", "log_level": "DEBUG"}))
    assert len(tree.handlers) == before + 1
    assert tree.level == logging.DEBUG
    log_settings.configure(load_config())
    assert tree.level == logging.DEBUG


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a file without room")
def test_a_file_whose_disk_is_full_is_replaced(tree, capsys):
    log_settings.configure(load_config({"log_file": "/dev/full", "log_level": "INFO"}))
    with CallTelemetry("here", None).call("save_conversation"):
        pass
    assert "No space left" in capsys.readouterr().err
    log_settings.configure(load_config({"log_file": "two.log", "log_level": "INFO"}))
    with CallTelemetry("here", None).call("save_conversation"):
        pass
    with open("two.log", encoding="utf-8") as log:
        assert "save_conversation" in log.read()


@pytest.mark.parametrize("path", ["missing/out.log", "."])
def test_a_file_that_cannot_be_written_is_refused(tree, path):
    with pytest.raises(ValidationError, match="log_file"):
        log_settings.configure(load_config({"log_file": path}))
