"""What the driver logs does not reach the standard error of users who configured no logging."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]
RUN_A_STATEMENT = """
import json, logging, sys
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError

uri, auth, configures_logging = json.loads(sys.stdin.readline())
if configures_logging:
    logging.basicConfig()
graph = Graph(uri, auth and tuple(auth), pool_size=2, deadline=20.0)
try:
    graph.run(Statement(name="maintenance/components", read=as_is))
    print("done")
except DatabaseError as error:
    print("refused")
finally:
    graph.close()
"""


def run_a_statement(uri, auth, *, configures_logging=False):
    process = subprocess.run(
        [sys.executable, "-c", RUN_A_STATEMENT],
        input=json.dumps([uri, auth, configures_logging]),
        capture_output=True,
        check=True,
        cwd=ROOT,
        text=True,
        timeout=120,
    )
    return process.stdout.strip(), process.stderr


@pytest.mark.parametrize("message", ["HELLO", "RUN", "PULL"])
def test_a_recovery_prints_nothing(bolt_target, message):
    with Proxy.to(bolt_target.bolt_url) as proxy:
        cut = proxy.cut(message)
        assert run_a_statement(proxy.url, bolt_target.auth) == ("done", "")
        assert cut.fired


def test_a_user_who_configures_logging_sees_what_the_driver_logs(bolt_target):
    with Proxy.to(bolt_target.bolt_url) as proxy:
        proxy.cut("PULL")
        answer, log = run_a_statement(proxy.url, bolt_target.auth, configures_logging=True)
    assert answer == "done"
    assert "neo4j" in log


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_a_server_that_is_not_there_prints_nothing(scheme):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        uri = f"{scheme}://127.0.0.1:{unused.getsockname()[1]}"
        assert run_a_statement(uri, None) == ("refused", "")
