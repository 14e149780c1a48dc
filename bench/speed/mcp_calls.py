"""Measure calls over MCP against the same calls of the client, and starts of the server.

python -m bench.speed.mcp_calls [--database-url URL] [--calls N] [--starts N]
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from mcp import Client, StdioServerParameters

from bench import files
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import local
from mcp_context_persistence.mcp_server.http import build_http_app
from mcp_context_persistence.mcp_server.memory import OpenMemory
from mcp_context_persistence.mcp_server.tools.searching import KINDS

COMMAND = str(Path(sys.executable).with_name("context-persistence"))
QUERY = "Which database do we use for the orders?"
WARM_CALLS = 5
TEXTS = [
    f"Report {number}: the team {team} moved the service {service} to {database}."
    for number, (team, service, database) in enumerate(
        (team, service, database)
        for team in ("blue", "red", "green", "grey")
        for service in ("orders", "billing", "search", "mail")
        for database in ("PostgreSQL", "Redis", "SQLite")
    )
]


def main() -> None:
    """Print the table, and store it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", help="by default a store in a temporary folder")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--starts", type=int, default=7)
    options = parser.parse_args()
    if options.database_url:
        rows = measure(options.database_url, options.calls, options.starts)
    else:
        # A throwaway store (`:memory:`) is of one process; the server is another one.
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows = measure(f"local:{folder}", options.calls, options.starts)
            finally:
                local.stop(Path(folder), force=True)
    for work, figure in rows.items():
        print(f"{work:55} {figure:10.2f}")
    files.RESULTS.mkdir(parents=True, exist_ok=True)
    (files.RESULTS / "mcp_calls.json").write_text(json.dumps(rows, indent=2) + "\n")


def measure(database_url: str, calls: int, starts: int) -> dict[str, float]:
    """Return all figures, measured in a namespace that is deleted afterwards."""
    namespace = f"mcp-{uuid.uuid4().hex[:8]}"
    with ContextPersistenceClient(database_url, namespace=namespace) as client:
        messages = [{"role": "user", "content": text} for text in TEXTS]
        client.save_conversation("reports", messages)
        rows = {
            **measure_calls(client, database_url, calls),
            **measure_starts(client, database_url, starts),
        }
        client.delete_namespace(namespace)
    return rows


def measure_calls(client: Any, database_url: str, calls: int) -> dict[str, float]:
    """Return what a call takes longer over both transports than in the client, in ms."""
    rows = {}
    with _serve_http(client) as url:
        targets: dict[str, Any] = {
            "stdio": _start_parameters(database_url, client.namespace),
            "HTTP": url,
        }
        for transport, target in targets.items():
            over_mcp, direct = asyncio.run(_measure_pairs(target, client, calls))
            extra = statistics.median(mcp - sdk for mcp, sdk in zip(over_mcp, direct, strict=True))
            rows[f"recall over {transport}, p50, ms"] = statistics.median(over_mcp) * 1000
            rows[f"search_hybrid in turn with {transport}, p50, ms"] = (
                statistics.median(direct) * 1000
            )
            rows[f"extra of recall over {transport}, p50, ms"] = extra * 1000
    return rows


def measure_starts(client: Any, database_url: str, starts: int) -> dict[str, float]:
    """Return the seconds from the start of a server to the tools and to the first result."""
    parameters = _start_parameters(database_url, client.namespace)
    pairs = [asyncio.run(_measure_start(parameters)) for _ in range(starts)]
    tools, first = zip(*pairs, strict=True)
    return {
        "stdio, start to tools/list, median, s": statistics.median(tools),
        "stdio, start to the first recall, median, s": statistics.median(first),
    }


async def _measure_pairs(target: Any, client: Any, calls: int) -> tuple[list[float], list[float]]:
    """Call a tool and the client in turn; return the seconds of each."""
    over_mcp, direct = [], []

    async def search() -> None:
        arguments = {"filters": {"content_types": list(KINDS)}, "include_metadata": True}
        await asyncio.to_thread(client.search_hybrid, QUERY, "hybrid", limit=8, **arguments)

    async with Client(target) as session:
        _check_results(await session.call_tool("recall", {"query": QUERY}))
        for round_number in range(-WARM_CALLS, calls):
            seconds = [
                await _time(lambda: session.call_tool("recall", {"query": QUERY})),
                await _time(search),
            ]
            if round_number >= 0:
                over_mcp.append(seconds[0])
                direct.append(seconds[1])
    return over_mcp, direct


async def _measure_start(parameters: StdioServerParameters) -> tuple[float, float]:
    start = time.perf_counter()
    async with Client(parameters) as session:
        await session.list_tools()
        tools = time.perf_counter() - start
        result = await session.call_tool("recall", {"query": QUERY})
        first = time.perf_counter() - start
    _check_results(result)
    return tools, first


def _check_results(result: Any) -> None:
    """Refuse to measure a server that finds nothing."""
    if result.is_error or not (result.structured_content or {}).get("results"):
        raise RuntimeError(f"the server found nothing: {result.content}")


async def _time(call: Callable[[], Awaitable[object]]) -> float:
    start = time.perf_counter()
    await call()
    return time.perf_counter() - start


def _start_parameters(database_url: str, namespace: str) -> StdioServerParameters:
    """Return how to start a server in a namespace of a store."""
    variables = {
        name: os.environ[name]
        for name in ("CONTEXT_DB_USER", "CONTEXT_DB_PASSWORD", "OMP_NUM_THREADS")
        if name in os.environ
    }
    return StdioServerParameters(
        command=COMMAND,
        args=["mcp", "--store", database_url, "--namespace", namespace],
        env=variables,
    )


@contextmanager
def _serve_http(client: Any) -> Iterator[str]:
    """Serve a client over HTTP on a free port of the loopback address."""
    app = build_http_app(lambda _: OpenMemory(client=client))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
