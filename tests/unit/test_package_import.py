"""Packages that can be imported once in a process are imported completely, or not at all."""

import importlib
import importlib.util
import os
import sys
import threading
import time

import pytest

from mcp_context_persistence.ingest.extraction import gliner
from mcp_context_persistence.ingest.models import (
    cross_encoder,
    encoders,
    onnx_encoder,
    spacy_pipeline,
)
from mcp_context_persistence.kg import package_import
from mcp_context_persistence.kg.driver import gds_client
from mcp_context_persistence.kg.package_import import import_package
from tests.unit.children import in_child

PACKAGE = """
import signal, threading, time
import {name}_runs
{name}_runs.starts += 1
signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
for _ in range(50):
    time.sleep(0.01)
{name}_runs.ends += 1
"""
SLOW = """
import time
import {name}_runs
{name}_runs.starts += 1
time.sleep(0.5)
{name}_runs.ends += 1
"""


def make_package(folder, name, text):
    (folder / f"{name}_runs.py").write_text("starts = ends = 0\n")
    (folder / f"{name}.py").write_text(text.format(name=name))


@pytest.mark.skipif(os.name == "nt", reason="LOUD: Windows has no signals for threads")
def test_neither_an_interrupt_nor_a_fork_leaves_half_a_package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    make_package(tmp_path, "once_only", PACKAGE)
    with pytest.raises(KeyboardInterrupt):
        import_package("once_only")
    runs = importlib.import_module("once_only_runs")
    assert in_child(lambda: (runs.starts, runs.ends) == (1, 1))  # the fork waits for the thread
    import_package("once_only")
    assert (runs.starts, runs.ends) == (1, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="LOUD: Windows has no fork")
@pytest.mark.parametrize("is_own", [False, True])
def test_a_fork_waits_for_what_other_threads_import(tmp_path, monkeypatch, is_own):
    name = f"slow_package_{is_own}"
    monkeypatch.syspath_prepend(str(tmp_path))
    make_package(tmp_path, name, SLOW)
    if is_own:
        monkeypatch.setattr(package_import, "OWN_PACKAGE", name)
    runs = importlib.import_module(f"{name}_runs")
    load = importlib.import_module if is_own else import_package
    thread = threading.Thread(target=load, args=(name,))
    thread.start()
    while not runs.starts:
        time.sleep(0.01)
    assert in_child(lambda: importlib.import_module(name) and runs.ends == 1)
    thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="LOUD: Windows has no fork")
def test_a_fork_does_not_wait_for_modules_of_others(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    make_package(tmp_path, "of_others", SLOW)
    runs = importlib.import_module("of_others_runs")
    thread = threading.Thread(target=importlib.import_module, args=("of_others",))
    thread.start()
    while not runs.starts:
        time.sleep(0.01)
    assert in_child(lambda: runs.ends == 0)
    thread.join()


def test_the_error_of_a_package_reaches_the_caller(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    make_package(tmp_path, "broken_package", "raise ValueError('broken')")
    with pytest.raises(ValueError, match="broken"):
        import_package("broken_package")
    with pytest.raises(ImportError):
        import_package("no_such_package")


def test_a_package_is_imported_where_no_thread_can_be_started(tmp_path, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.syspath_prepend(str(tmp_path))
    make_package(tmp_path, "without_thread", "import {name}_runs\n{name}_runs.ends += 1")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    import_package("without_thread")
    assert importlib.import_module("without_thread_runs").ends == 1


class _Imported(BaseException):
    """Says that a package was imported in this way."""


@pytest.mark.parametrize(
    ("module", "load", "package"),
    [
        (gds_client, gds_client.check_gds_package, "graphdatascience"),
        (spacy_pipeline, lambda: spacy_pipeline.load("en_core_web_sm"), "spacy"),
        (gliner, lambda: gliner.GlinerRecognizer("name", ())._load(), "gliner"),
        (encoders, lambda: encoders._load_with_library("", 1, None, None), "sentence_transformers"),
        (onnx_encoder, lambda: onnx_encoder.open_session("", threads=1), "onnxruntime"),
        (encoders, lambda: encoders._uses_gpu(None), "torch"),
        (encoders, lambda: encoders.load("", batch_size=1, device=None, threads=None), "torch"),
        (
            cross_encoder,
            lambda: cross_encoder.CrossEncoder("name")._load(),
            "sentence_transformers",
        ),
    ],
    ids=["gds", "spacy", "gliner", "sentence_encoder", "onnx", "gpu", "bert", "cross_encoder"],
)
def test_packages_that_take_seconds_are_imported_as_a_whole(monkeypatch, module, load, package):
    names = []

    def note(name):
        names.append(name)
        raise _Imported

    monkeypatch.setattr(module, "import_package", note)
    monkeypatch.setattr(encoders, "GPU_FILES", ("/",))
    monkeypatch.setattr(encoders, "has_minilm_shape", lambda folder: False)
    monkeypatch.setattr(encoders, "is_plain_bert", lambda folder: True)
    monkeypatch.setattr(cross_encoder, "_check_folder", lambda folder: None)
    monkeypatch.setattr(cross_encoder.CrossEncoder, "_folder", "")
    with pytest.raises(_Imported):
        load()
    assert names == [package]


def test_nothing_is_imported_in_a_deleted_folder_where_torch_would_end_the_process(
    tmp_path, monkeypatch
):
    folder = tmp_path / "deleted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name == "torch" else None)
    with pytest.raises(FileNotFoundError, match="change to another one"):
        import_package("no_such_package")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError):
        import_package("no_such_package")
