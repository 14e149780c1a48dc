"""Every script in `cypher/explore` can be pasted into Neo4j Browser as a whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_context_persistence import ContextPersistenceClient, cypher
from mcp_context_persistence.kg import local
from tests.acceptance.neo4j_browser import Browser, find_chromium, open_browser

SCRIPTS = Path(cypher.__file__).parent / "explore"
GRAPHS = {"knowledge_graph"}
CONVERSATION = "orders-pipeline-kickoff"  # the scripts contain this id and the entity's
MESSAGES = [
    {"role": "user", "content": "OrderValidator uses pydantic in the orders pipeline."},
    {"role": "assistant", "content": "OrderValidator depends on the CurrencyTable of Kafka."},
]


@pytest.fixture(scope="module")
def browser(managed_store: local.Attachment) -> Iterator[Browser]:
    find_chromium()
    page = f"{managed_store.http_url}/browser/"
    with ContextPersistenceClient(f"local:{managed_store.store}") as client:
        client.save_conversation(CONVERSATION, MESSAGES)
        client.save_decision(CONVERSATION, "architecture", "Checks are slow", "Use pydantic")
        with open_browser(page, managed_store.user, managed_store.password) as browser:
            yield browser
        client.delete_namespace(client.namespace)


@pytest.mark.parametrize("name", sorted(path.stem for path in SCRIPTS.glob("*.cypher")))
def test_a_pasted_script_shows_its_table_or_graph(browser: Browser, name: str) -> None:
    frame = browser.paste((SCRIPTS / f"{name}.cypher").read_text())
    if name in GRAPHS:
        assert frame.nodes > 1, frame.text
    else:
        assert frame.rows > 0, frame.text
        header = cypher.load(f"explore/{name}").header
        assert all(column in header for column in frame.columns), (frame.columns, header)
        assert len(frame.columns) > 1
