"""The client for asyncio: the same calls, each run by the synchronous client in a worker thread.

A canceled call ends at once for its caller. Its thread goes on until the deadline of the call at
most, and its result is dropped. A write may therefore have happened; like every write, it may be
repeated. Where no thread can be started, a call runs on the thread of the event loop.
"""

import asyncio
import functools
import inspect
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from contextvars import copy_context
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from mcp_context_persistence.client import ContextPersistenceClient as Client
from mcp_context_persistence.kg import limits, thread_start
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.fork_safety import PARENTS_CLIENT, renew_locks_in_children
from mcp_context_persistence.kg.helper_threads import HelperThreads

P = ParamSpec("P")
R = TypeVar("R")


def _make_async(
    method: Callable[Concatenate[Client, P], R],
) -> Callable[Concatenate["AsyncContextPersistenceClient", P], Coroutine[Any, Any, R]]:
    """Return the method as a coroutine with the same name, signature and documentation."""

    @functools.wraps(method)
    async def call(self: "AsyncContextPersistenceClient", *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._run(lambda client: method(client, *args, **kwargs))

    return cast("Any", call)  # type: ignore[no-any-return]  # mypy has its own class for what `wraps` returns


def _copy_signature(
    method: Callable[Concatenate[Client, P], Any],
) -> Callable[[Callable[..., R]], Callable[Concatenate["AsyncContextPersistenceClient", P], R]]:
    """Give a method the signature and the documentation of another method."""
    return cast("Any", functools.wraps(method))  # type: ignore[no-any-return]  # likewise


class AsyncContextPersistenceClient:
    """`ContextPersistenceClient` for asyncio: the same names and arguments, every call awaited.

    The graph is opened by ``async with`` or else by the first call. A client belongs to no event
    loop and may be shared between tasks. 16 calls run at a time, further ones wait.
    """

    @_copy_signature(Client.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # A wrong call is noticed here, not at the first use.
        bound = inspect.signature(Client).bind(*args, **kwargs)
        bound.apply_defaults()
        self.namespace: str = bound.arguments["namespace"]
        self._open_client = functools.partial(Client, *args, **kwargs)
        self._threads = self._new_threads()
        self._lock = threading.Lock()
        self._client: Future[Client] | None = None
        self._closing: Future[None] | None = None
        self._process = os.getpid()
        self._was_forked = False  # after the parent had used it
        renew_locks_in_children(self)

    save_conversation = _make_async(Client.save_conversation)
    append_messages = _make_async(Client.append_messages)
    load_conversation_history = _make_async(Client.load_conversation_history)
    save_decision = _make_async(Client.save_decision)
    propose_decisions = _make_async(Client.propose_decisions)
    review_decision = _make_async(Client.review_decision)
    save_instruction = _make_async(Client.save_instruction)
    list_instructions = _make_async(Client.list_instructions)
    retire_instruction = _make_async(Client.retire_instruction)
    get_conversation_stats = _make_async(Client.get_conversation_stats)
    extract_entities = _make_async(Client.extract_entities)
    create_relationship = _make_async(Client.create_relationship)
    query_knowledge_graph = _make_async(Client.query_knowledge_graph)
    update_knowledge_graph = _make_async(Client.update_knowledge_graph)
    search_similar_conversations = _make_async(Client.search_similar_conversations)
    search_hybrid = _make_async(Client.search_hybrid)
    build_context = _make_async(Client.build_context)
    save_document = _make_async(Client.save_document)
    get_graph_analytics = _make_async(Client.get_graph_analytics)
    find_central_entities = _make_async(Client.find_central_entities)
    detect_communities = _make_async(Client.detect_communities)
    find_similar_entities = _make_async(Client.find_similar_entities)
    find_shortest_paths = _make_async(Client.find_shortest_paths)
    find_duplicate_entities = _make_async(Client.find_duplicate_entities)
    merge_entities = _make_async(Client.merge_entities)
    undo_merge = _make_async(Client.undo_merge)
    list_merges = _make_async(Client.list_merges)
    batch_save_conversations = _make_async(Client.batch_save_conversations)
    batch_extract_entities = _make_async(Client.batch_extract_entities)
    configure_parallel_processing = _make_async(Client.configure_parallel_processing)
    configure_entity_patterns = _make_async(Client.configure_entity_patterns)
    reextract = _make_async(Client.reextract)
    configure_embedding_model = _make_async(Client.configure_embedding_model)
    get_embedding_status = _make_async(Client.get_embedding_status)
    generate_embeddings = _make_async(Client.generate_embeddings)
    configure_cache = _make_async(Client.configure_cache)
    clear_cache = _make_async(Client.clear_cache)
    configure_memory_management = _make_async(Client.configure_memory_management)
    get_memory_stats = _make_async(Client.get_memory_stats)
    cleanup_memory = _make_async(Client.cleanup_memory)
    delete_message = _make_async(Client.delete_message)
    delete_conversation = _make_async(Client.delete_conversation)
    delete_document = _make_async(Client.delete_document)
    delete_decision = _make_async(Client.delete_decision)
    delete_entity = _make_async(Client.delete_entity)
    delete_relationship = _make_async(Client.delete_relationship)
    delete_namespace = _make_async(Client.delete_namespace)
    get_message = _make_async(Client.get_message)
    get_document = _make_async(Client.get_document)
    get_decision = _make_async(Client.get_decision)
    get_entity = _make_async(Client.get_entity)
    list_conversations = _make_async(Client.list_conversations)
    list_documents = _make_async(Client.list_documents)
    list_decisions = _make_async(Client.list_decisions)
    list_entities = _make_async(Client.list_entities)
    update_message = _make_async(Client.update_message)
    export_items = _make_async(Client.export_items)
    ingest_items = _make_async(Client.ingest_items)
    get_metrics = _make_async(Client.get_metrics)
    configuration = _make_async(Client.configuration)

    @_copy_signature(Client.graph_data_science)
    @asynccontextmanager
    async def graph_data_science(self, **options: Any) -> AsyncIterator[Any]:  # noqa: D102 - copied
        block = await self._run(lambda client: client.graph_data_science(**options))
        entering = self._submit(block.__enter__)
        try:
            projected = await asyncio.wrap_future(entering)
        except BaseException:  # its thread goes on, and nobody would drop the projection
            entering.add_done_callback(functools.partial(self._leave, block))
            raise
        try:
            yield projected
        finally:
            leaving = self._submit(functools.partial(block.__exit__, None, None, None))
            await asyncio.shield(asyncio.wrap_future(leaving))

    async def __aenter__(self) -> Self:
        try:
            await asyncio.shield(asyncio.wrap_future(self._get_client()))
        except BaseException:
            self._close()  # `__aexit__` is not called for what was not entered
            raise
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(namespace={self.namespace!r})"

    __reduce_ex__ = Client.__reduce_ex__

    async def close(self) -> None:
        """Close the client when its running and waiting calls have ended; again does nothing."""
        await asyncio.shield(asyncio.wrap_future(self._close()))

    async def _run(self, work: Callable[[Client], R]) -> R:
        client = await asyncio.shield(asyncio.wrap_future(self._get_client()))
        return await asyncio.wrap_future(self._submit(functools.partial(work, client)))

    def _submit(self, work: Callable[[], R]) -> "Future[R]":
        with self._lock:
            self._check_open()
            return self._threads.submit(copy_context().run, work)

    def _leave(self, block: AbstractContextManager[Any], entering: "Future[Any]") -> None:
        """Leave a block that was entered for a canceled call; a closed client has left it."""
        if not entering.cancelled() and entering.exception() is None:
            with suppress(DatabaseError):
                self._submit(functools.partial(block.__exit__, None, None, None))

    def _get_client(self) -> "Future[Client]":
        """Return the synchronous client, which the first call opens.

        All calls share it, so that no cancellation ends it.
        """
        with self._lock:
            self._check_open()
            if self._client is None or (self._client.done() and self._client.exception()):
                self._client = self._threads.submit(self._open_client)
            return self._client

    @staticmethod
    def _new_threads() -> HelperThreads:
        return HelperThreads(limits.ASYNC_THREADS, thread_name_prefix="context-persistence-async")

    def _leave_parent(self) -> None:
        """In a forked child, let go of the parent's threads and of the client that runs on them."""
        if self._process == os.getpid():
            return
        self._process = os.getpid()
        self._was_forked = self._client is not None or self._closing is not None
        self._client, self._closing, self._threads = None, None, self._new_threads()

    def _check_open(self) -> None:
        self._leave_parent()
        if self._was_forked:
            raise DatabaseError(PARENTS_CLIENT)
        if self._closing:
            raise DatabaseError("the client is closed; open another one")

    def _close(self) -> "Future[None]":
        with self._lock:
            self._leave_parent()
            if self._closing is None or (self._closing.done() and self._closing.exception()):
                closing: Future[None] = Future()
                finish = functools.partial(self._finish, closing)
                try:
                    thread_start.start(
                        threading.Thread(target=finish, name="context-persistence-close")
                    )
                except RuntimeError:  # the system lets this process have no more threads
                    finish()
                self._closing = closing
            return self._closing

    def _finish(self, closing: "Future[None]") -> None:
        self._threads.shutdown()
        try:
            if self._client and not self._client.exception():
                self._client.result().close()
        except BaseException as error:  # raised where `close` is awaited
            closing.set_exception(error)
        else:
            closing.set_result(None)
