"""How many functions and modules a search passes.

Counted is what runs during one `search_hybrid` call of a warm client, in all threads, by the
profiling hook of the interpreter. Only functions with a name are counted: no lambdas, no
comprehensions, no generated code. Nothing of the folders of the search (`methods`, `services`,
`queries/search`) is left out.

A *step* is a function that passes the search on: it calls a function of another module of this
package. The others are helpers of one module, such as the arithmetic of a feature; a reader who
follows a search from file to file does not pass them. Left out are what every call has, whatever it
does: the scope of a call (`runtime`), the driver and the checks (`kg`), the recognizer of dates
(`queries/temporal`), and the splitting of texts into words (`kg/text`).
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import pytest

from mcp_context_persistence import ContextPersistenceClient

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "mcp_context_persistence/methods/",
    "mcp_context_persistence/services/",
    "queries/search/",
)
PACKAGES = ("mcp_context_persistence", "queries", "ingest", "kg", "cypher")
# Before the search had one request object there were 28 steps in 9 modules, and 86 functions; then
# 20, 8 and 80. Exclusions, superseded messages and the confidence added three steps in two modules,
# and most of the other functions.
MAX_STEPS, MAX_MODULES, MAX_FUNCTIONS = 23, 10, 116

Function = tuple[str, str]  # the file, below the repository, and the qualified name


class CallRecorder:
    """Records which functions of the package call which, while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self.calls: set[tuple[Function, Function]] = set()
        self._functions: dict[CodeType, Function | None] = {}

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event != "call" or not self.is_on:
            return
        called = self._name(frame.f_code)
        caller_frame = frame.f_back
        while called and caller_frame:
            if caller := self._name(caller_frame.f_code):
                self.calls.add((caller, called))
                return
            caller_frame = caller_frame.f_back

    def _name(self, code: CodeType) -> Function | None:
        """Return a named function of the package, None for all other code."""
        if code not in self._functions:
            path = Path(code.co_filename).resolve()
            name = code.co_qualname
            is_ours = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES
            is_named = not name.rpartition(".")[2].startswith("<")
            self._functions[code] = (
                (path.relative_to(ROOT).as_posix(), name) if is_ours and is_named else None
            )
        return self._functions[code]

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record this thread and the threads that were started since the hook was set."""
        self.is_on = True
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            self.is_on = False


@pytest.fixture
def recorder() -> Iterator[CallRecorder]:
    """A recorder that is the hook of all threads that are started from now on."""
    recorder = CallRecorder()
    threading.setprofile(recorder)
    yield recorder
    threading.setprofile(None)  # the documented way to remove it


def test_a_hybrid_search_passes_few_functions_in_few_modules(
    recorder: CallRecorder, client: ContextPersistenceClient
) -> None:
    client.save_conversation(
        "research",
        [
            {"role": "user", "name": "Caroline", "content": "I researched adoption agencies."},
            {"role": "user", "name": "Melanie", "content": "What did you find?"},
            {"role": "user", "name": "Caroline", "content": "Two agencies that use PostgreSQL."},
        ],
    )
    client.update_knowledge_graph([{"id": "agency", "name": "Agency", "type": "organization"}], [])
    for _ in range(3):
        client.search_hybrid("What did Caroline research about the agency?")
    with recorder.recording():
        response = client.search_hybrid("What did Caroline research about the agency?")
    assert {"message", "entity"} <= {result.type for result in response.results}
    calls = {(caller, called) for caller, called in recorder.calls if called[0].startswith(FOLDERS)}
    functions = {called for _, called in calls}
    steps = {
        caller
        for caller, called in recorder.calls
        if caller[0].startswith(FOLDERS)
        and caller[0] != called[0]
        and not called[0].startswith("kg/text/")
    }
    modules = {file for file, _ in steps}
    assert len(steps) <= MAX_STEPS, "\n".join(map(str, sorted(steps)))
    assert len(modules) <= MAX_MODULES, "\n".join(sorted(modules))
    assert len(functions) <= MAX_FUNCTIONS, "\n".join(map(str, sorted(functions)))
