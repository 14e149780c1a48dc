import importlib
import io
import os
import sys
import threading
import time

import pytest

from mcp_context_persistence.kg.errors import VectorDBError
from mcp_context_persistence.runtime import model_preload
from mcp_context_persistence.runtime.config.settings import load_config
from mcp_context_persistence.runtime.model_preload import ModelPreload
from mcp_context_persistence.runtime.progress_lines import ProgressLines, print_downloads
from mcp_context_persistence.services.batch_pipeline import report_progress
from tests.unit.children import in_child

IMPORTS = "mcp_context_persistence.kg.package_import"  # by name, as the tests replace its parts


class Model:
    def __init__(self, error=None):
        self.loaded, self.error = threading.Event(), error

    def load(self, progress=None):
        self.loaded.set()
        if self.error:
            raise self.error


@pytest.fixture
def models(monkeypatch):
    embedder, extractor = Model(), Model()
    monkeypatch.setattr(model_preload, "shared_embedder", lambda *_: embedder)
    monkeypatch.setattr(model_preload, "shared_extractor", lambda *_: extractor)
    return embedder, extractor


def test_a_running_server_leaves_time_for_the_embedding_model_only(models):
    embedder, extractor = models
    preload = ModelPreload(load_config({}), None)
    preload.start()
    preload.finish_opening()
    preload.wait(10)
    assert embedder.loaded.is_set()
    assert not extractor.loaded.is_set()


def test_a_server_that_has_to_start_leaves_time_for_both(models):
    reports = []
    preload = ModelPreload(load_config({}), lambda *report: reports.append(report))
    preload.start()
    preload.report("start", 0, 180)
    preload.wait(10)
    assert all(model.loaded.is_set() for model in models)
    assert reports == [("start", 0, 180)]


def test_another_embedding_model_is_not_loaded_beforehand(models):
    preload = ModelPreload(load_config({"sentence_transformer_model": "other"}), None)
    preload.start()
    preload.close()
    preload.wait(10)
    assert not models[0].loaded.is_set()


@pytest.mark.parametrize("error", [VectorDBError("missing"), RuntimeError("broken")])
def test_an_error_is_left_to_the_call_that_needs_the_model(models, error):
    models[0].error = error
    preload = ModelPreload(load_config({}), None)
    preload.start()
    preload.close()
    preload.wait(10)
    assert models[0].loaded.is_set()


def test_progress_is_printed_as_lines():
    lines = []
    progress = ProgressLines(lines.append)
    for done in range(0, 101, 10):
        progress("download", done * 10**6, 100 * 10**6)
    progress("start", 0, 180)
    progress("start", 1, 180)
    assert lines[0].startswith("Downloading Neo4j with Graph Data Science, 100 MB")
    assert lines[1:] == [
        "  30 of 100 MB",
        "  50 of 100 MB",
        "  80 of 100 MB",
        "  100 of 100 MB",
        "Starting Neo4j ...",
    ]


def test_quiet_progress_prints_nothing_unless_something_is_downloaded():
    lines = []
    progress = ProgressLines(lines.append, is_quiet=True)
    progress("verify", 1, 2)
    progress("start", 0, 180)
    assert lines == []
    progress("model", 0, 83 * 10**6)
    progress("start", 1, 180)
    assert [line.split()[0] for line in lines] == ["Downloading", "Starting"]


@pytest.mark.parametrize("is_closed", [True, False])
def test_progress_is_not_printed_where_there_is_no_standard_error(monkeypatch, is_closed):
    stream = io.StringIO() if is_closed else None
    if stream:
        stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    print_downloads()("download", 1, 2)
    with report_progress(None, "texts", 3) as report:
        report(3)


def refuse(_):
    raise RuntimeError("can't start new thread")


def test_models_are_loaded_later_where_no_thread_can_be_started(models, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", refuse)
    preload = ModelPreload(load_config({}), None)
    preload.start()
    preload.wait(10)
    assert not models[0].loaded.is_set()


def test_the_thread_ends_where_its_start_is_interrupted(models, monkeypatch):
    threads, start = [], threading.Thread.start

    def interrupt(thread):
        start(thread)
        threads.append(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupt)
    preload = ModelPreload(load_config({}), None)
    with pytest.raises(KeyboardInterrupt):
        preload.start()
    preload.close()
    threads[0].join(10)
    assert not threads[0].is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="LOUD: Windows has no fork")
def test_a_fork_waits_for_an_import_that_begins_while_it_waits_for_the_models(
    models, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "late_part.py").write_text("import time\ntime.sleep(0.5)\nis_whole = True\n")
    monkeypatch.setattr(f"{IMPORTS}.OWN_PACKAGE", "late_part")
    others = []

    def load(_):
        time.sleep(0.3)  # the fork waits by now
        others.append(threading.Thread(target=importlib.import_module, args=("late_part",)))
        others[0].start()
        while "late_part" not in sys.modules:
            time.sleep(0.01)

    monkeypatch.setattr(models[0], "load", load)
    preload = ModelPreload(load_config({}), None)
    preload.start()
    preload.finish_opening()
    assert in_child(lambda: importlib.import_module("late_part").is_whole)
    others[0].join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="LOUD: Windows has no fork")
def test_all_waits_before_a_fork_have_one_deadline(monkeypatch):
    seconds = []

    def wait(left):
        seconds.append(left)
        time.sleep(0.1)

    monkeypatch.setattr(f"{IMPORTS}.waits_before_fork", [wait, wait])
    assert in_child(lambda: True)
    assert seconds[1] + 0.1 <= seconds[0] <= 60
