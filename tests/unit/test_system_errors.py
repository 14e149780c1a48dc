"""Errors of the system become errors of this library."""

import importlib
import sys
import threading
import time

import pytest

from mcp_context_persistence.exceptions import DatabaseError
from mcp_context_persistence.kg import system_errors
from mcp_context_persistence.kg.system_errors import translated_system_errors

BROKEN = "import time\ntime.sleep(0.5)\nraise OSError(24, 'Too many open files')\nx = 1\n"


def test_an_import_that_fails_in_another_thread_is_a_retryable_error(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(system_errors, "OWN_PACKAGE", "broken_part")
    (tmp_path / "broken_part.py").write_text(BROKEN)

    def load():
        with pytest.raises(OSError, match="Too many"):
            importlib.import_module("broken_part")

    thread = threading.Thread(target=load)
    thread.start()
    while "broken_part" not in sys.modules:
        time.sleep(0.01)
    with (
        pytest.raises(DatabaseError, match="failed, probably in another thread") as caught,
        translated_system_errors(),
    ):
        from broken_part import x  # type: ignore[import-not-found]  # noqa: F401
    assert caught.value.retryable
    thread.join()


def test_the_import_error_of_another_library_stays_as_it_is():
    with pytest.raises(ImportError), translated_system_errors():
        import no_such_library  # type: ignore[import-not-found]  # noqa: F401


def test_the_error_of_a_missing_module_of_this_library_stays_as_it_is():
    with pytest.raises(ModuleNotFoundError), translated_system_errors():
        importlib.import_module("mcp_context_persistence.no_such_part")
