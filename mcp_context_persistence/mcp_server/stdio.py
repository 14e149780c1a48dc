"""Serve one assistant over standard input and output."""

import gc
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.kg import thread_start

if TYPE_CHECKING:
    from mcp_context_persistence.mcp_server.memory import LazyMemory

log = logging.getLogger(__name__)

PARENT_MILLISECONDS = 1_000  # between two looks at the parent
# For the calls that run when the input ends. No process may outlive its user by more than 30 s.
RUNNING_SECONDS = 25.0
CLOSE_SECONDS = 1.5  # for the client to close; assistants kill their servers after two seconds


def serve(
    *,
    profile: str = "small",
    tools: Sequence[str] | None = None,
    read_only: bool = False,
    database_url: str | None = None,
    namespace: str = "default",
) -> None:
    """Serve until the input or the output is closed, the parent dies, or a signal comes.

    Args:
        profile: `small`, `full` or `chatgpt`.
        tools: Names of tools instead of those of the profile.
        read_only: Whether tools that write are left out.
        database_url: As in `ContextPersistenceClient`, with an absolute path; None means the
            configured one.
        namespace: The namespace of all calls.

    Raises:
        ValidationError: An option is not valid.
    """
    # The folder is that of a project, whose `.env` and `config.yaml` are for other programs.
    os.chdir("/")
    # Collecting garbage during the imports takes a fifth of the start.
    gc.disable()
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    from mcp_context_persistence.mcp_server.memory import LazyMemory  # noqa: PLC0415 - after gc
    from mcp_context_persistence.mcp_server.server import (  # noqa: PLC0415 - after gc
        ServerOptions,
        build_server,
    )

    options = ServerOptions(profile=profile, tools=tools, read_only=read_only)
    memory = LazyMemory(database_url, namespace)
    server = build_server(lambda _: memory, options, middleware=[_preload_after_list(memory)])
    gc.enable()
    gc.freeze()
    _end_with_parent(memory)
    server.on_input_end = lambda: _start(_end_late, memory)
    # What libraries print must not wait in a buffer until the transport has given the output back.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    with suppress(BrokenPipeError):  # nobody reads the output any more
        server.run()
    # The transport has given the output back; the assistant reads it until the process ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY) if sys.stderr is None else sys.stderr.fileno(), 1)
    _end(memory)


def _preload_after_list(memory: "LazyMemory") -> Any:
    """Return middleware that imports the client when the assistant has the list of tools."""

    async def preload(context: Any, call_next: Any) -> Any:
        result = await call_next(context)
        if context.method == "tools/list":
            memory.preload()
        return result

    return preload


def _end_with_parent(memory: "LazyMemory") -> None:
    """End the process when its parent has died or reads no more, or when it is asked to end.

    The transport waits for the next line of the input, even where nobody reads its output.
    """
    parent, output = os.getppid(), select.poll()
    output.register(os.dup(1), 0)  # the transport uses another file as standard output

    def watch() -> None:
        while os.getppid() == parent and not output.poll(PARENT_MILLISECONDS):
            pass
        _end(memory)

    def stop(_number: int, _frame: FrameType | None) -> None:
        if _start(_end, memory) is None:
            os._exit(0)

    if _start(watch) is None:
        log.warning("the system has no thread for watching the parent: only the input ends this")
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _end_late(memory: "LazyMemory") -> None:
    """End the process although calls run that began before the input ended."""
    time.sleep(RUNNING_SECONDS)
    _end(memory)


def _end(memory: "LazyMemory") -> None:
    """Close the client and end the process, whatever its threads are waiting for.

    Input that is being read cannot be interrupted. A call that is interrupted here can be repeated:
    every write may.
    """
    try:
        closing = _start(_close, memory)
        if closing is not None:
            closing.join(CLOSE_SECONDS)
        sys.stderr.flush()
    finally:  # also where standard error cannot be written
        os._exit(0)


def _start(target: Callable[..., None], *arguments: "LazyMemory") -> threading.Thread | None:
    """Start a thread that does not keep the process alive; None where there is no room for it."""
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    try:
        thread_start.start(thread)
    except RuntimeError:
        return None
    return thread


def _close(memory: "LazyMemory") -> None:
    try:
        memory.close()
    except Exception:
        log.exception("the client could not be closed")
