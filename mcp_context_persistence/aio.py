"""The client for asyncio: the same calls, each run by the synchronous client in a worker thread.

A cancelled call ends at once for who awaited it. Its thread goes on until the call's own deadline at most, what it brings is dropped, and
thread and connection return to their pools; a write may therefore have happened, and may be repeated like every write.
"""

import asyncio
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from mcp_context_persistence.client import ContextPersistenceClient as Client
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import DatabaseError

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    method: Callable[Concatenate[Client, P], R],
) -> Callable[Concatenate["AsyncContextPersistenceClient", P], Coroutine[Any, Any, R]]:
    """The same method, to be awaited: name, signature and documentation are its own."""

    @functools.wraps(method)
    async def call(self: "AsyncContextPersistenceClient", *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._do(lambda client: method(client, *args, **kwargs))

    return cast("Any", call)  # type: ignore[no-any-return]  # what `wraps` makes of it is a class of its own to mypy


def _signed(
    method: Callable[Concatenate[Client, P], Any],
) -> Callable[[Callable[..., R]], Callable[Concatenate["AsyncContextPersistenceClient", P], R]]:
    """Give a method the signature and the documentation of another one."""
    return cast("Any", functools.wraps(method))  # type: ignore[no-any-return]  # likewise


class AsyncContextPersistenceClient:
    """`ContextPersistenceClient` for asyncio: the same names and arguments, every call awaited.

    The graph is opened by ``async with`` or else by the first call. A client belongs to no event loop, and may be shared between tasks;
    16 calls run at a time, further ones wait.
    """

    @_signed(Client.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = inspect.signature(Client).bind(
            *args, **kwargs
        )  # a wrong call is noticed here, not at the first use
        given.apply_defaults()
        self.namespace: str = given.arguments["namespace"]
        self._make = functools.partial(Client, *args, **kwargs)
        self._threads = ThreadPoolExecutor(
            limits.ASYNC_THREADS, thread_name_prefix="context-persistence-async"
        )
        self._lock = threading.Lock()
        self._opened: Future[Client] | None = None
        self._released: Future[None] | None = None

    save_conversation = _awaited(Client.save_conversation)
    load_conversation_history = _awaited(Client.load_conversation_history)
    save_decision = _awaited(Client.save_decision)
    propose_decisions = _awaited(Client.propose_decisions)
    review_decision = _awaited(Client.review_decision)
    get_conversation_stats = _awaited(Client.get_conversation_stats)
    extract_entities = _awaited(Client.extract_entities)
    create_relationship = _awaited(Client.create_relationship)
    query_knowledge_graph = _awaited(Client.query_knowledge_graph)
    update_knowledge_graph = _awaited(Client.update_knowledge_graph)
    search_similar_conversations = _awaited(Client.search_similar_conversations)
    search_hybrid = _awaited(Client.search_hybrid)
    build_context = _awaited(Client.build_context)
    save_document = _awaited(Client.save_document)
    get_graph_analytics = _awaited(Client.get_graph_analytics)
    find_central_entities = _awaited(Client.find_central_entities)
    detect_communities = _awaited(Client.detect_communities)
    find_similar_entities = _awaited(Client.find_similar_entities)
    find_shortest_paths = _awaited(Client.find_shortest_paths)
    find_duplicate_entities = _awaited(Client.find_duplicate_entities)
    merge_entities = _awaited(Client.merge_entities)
    undo_merge = _awaited(Client.undo_merge)
    list_merges = _awaited(Client.list_merges)
    batch_save_conversations = _awaited(Client.batch_save_conversations)
    batch_extract_entities = _awaited(Client.batch_extract_entities)
    configure_parallel_processing = _awaited(Client.configure_parallel_processing)
    configure_entity_patterns = _awaited(Client.configure_entity_patterns)
    reextract = _awaited(Client.reextract)
    configure_embedding_model = _awaited(Client.configure_embedding_model)
    get_embedding_status = _awaited(Client.get_embedding_status)
    generate_embeddings = _awaited(Client.generate_embeddings)
    configure_cache = _awaited(Client.configure_cache)
    clear_cache = _awaited(Client.clear_cache)
    configure_memory_management = _awaited(Client.configure_memory_management)
    get_memory_stats = _awaited(Client.get_memory_stats)
    cleanup_memory = _awaited(Client.cleanup_memory)
    get_metrics = _awaited(Client.get_metrics)
    configuration = _awaited(Client.configuration)

    @_signed(Client.graph_data_science)
    @asynccontextmanager
    async def graph_data_science(self, **given: Any) -> AsyncIterator[Any]:  # noqa: D102  `_signed` brings it
        block = await self._do(lambda client: client.graph_data_science(**given))
        found = await self._do(lambda _: block.__enter__())
        try:
            yield found
        finally:
            await self._do(lambda _: block.__exit__(None, None, None))

    async def __aenter__(self) -> Self:
        try:
            await asyncio.shield(asyncio.wrap_future(self._opening()))
        except BaseException:
            self._release()  # nobody leaves what was not entered
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(namespace={self.namespace!r})"

    async def close(self) -> None:
        """Leave the graph, once the calls that run or wait have ended. Calling it again does nothing."""
        await asyncio.shield(asyncio.wrap_future(self._release()))

    async def _do(self, work: Callable[[Client], R]) -> R:
        client = await asyncio.shield(asyncio.wrap_future(self._opening()))
        with self._lock:
            self._still_open()
            running = self._threads.submit(copy_context().run, work, client)
        return await asyncio.wrap_future(running)

    def _opening(self) -> "Future[Client]":
        """The synchronous client, opened by whoever comes first; shared, so that nobody's cancellation ends it."""
        with self._lock:
            self._still_open()
            if self._opened is None or (self._opened.done() and self._opened.exception()):
                self._opened = self._threads.submit(self._make)
            return self._opened

    def _still_open(self) -> None:
        if self._released:
            raise DatabaseError("the client is closed; open another one")

    def _release(self) -> "Future[None]":
        with self._lock:
            if self._released is None:
                self._released = Future()
                threading.Thread(
                    target=self._leave, args=(self._released,), name="context-persistence-close"
                ).start()
            return self._released

    def _leave(self, done: "Future[None]") -> None:
        self._threads.shutdown()
        try:
            if self._opened and not self._opened.exception():
                self._opened.result().close()
        except BaseException as error:  # whoever closes is told
            done.set_exception(error)
        else:
            done.set_result(None)
