"""Neo4j Browser in Chromium: sign in, paste a script, and read what it shows."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = """
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
!! NO CHROMIUM HERE: the scripts in cypher/explore are not tested in Neo4j Browser.
!! Install it (Debian: apt-get install chromium), or set CONTEXT_TEST_CHROMIUM to its path.
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"""
# Chromium may resolve no names but these; Neo4j Browser asks for fonts and news on the internet.
LOOPBACK_ONLY = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1"
)
MILLISECONDS = 90_000  # the first statement of a server on a busy machine is slow
IS_COMPLETE = """
frame => !frame.querySelector('[data-testid=spinner]')
  && frame.querySelector('[data-testid=frameContents]').innerText.length > 0
"""


def find_chromium() -> str:
    """Return the path of Chromium; skip the test where there is none, or fail if it is required."""
    path = os.environ.get("CONTEXT_TEST_CHROMIUM") or next(
        filter(None, map(shutil.which, NAMES)), ""
    )
    if not path and os.environ.get("CONTEXT_REQUIRE_CHROMIUM"):
        pytest.fail(MISSING)
    if not path:
        pytest.skip(MISSING)
    return path


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What Neo4j Browser shows of one script.

    Attributes:
        columns: Of the table; empty where it shows a graph.
        rows: Number of rows of the table.
        nodes: Number of nodes of the graph.
        text: All of it as text, which contains an error.
    """

    columns: list[str]
    rows: int
    nodes: int
    text: str


class Browser:
    """Neo4j Browser, signed in."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def paste(self, script: str) -> Frame:
        """Paste a script into the editor, run it, and return what is shown first."""
        page = self._page
        page.evaluate("text => navigator.clipboard.writeText(text)", script)
        page.get_by_test_id("activeEditor").locator(".monaco-editor").first.click()
        page.keyboard.press("Control+a")
        page.keyboard.press("Control+v")
        page.get_by_test_id("editor-Run").click()
        # A frame shows its command in one line.
        command = page.get_by_test_id("frameCommand").filter(has_text=script.splitlines()[0])
        frame = page.get_by_test_id("frame").filter(has=command).first
        frame.wait_for()
        page.wait_for_function(IS_COMPLETE, arg=frame.element_handle())
        table = frame.locator("table")
        if not table.count():
            # A graph appears after a moment.
            frame.locator("g.node, pre").first.wait_for(state="attached")
        return Frame(
            columns=[text.strip() for text in table.locator("thead th").all_inner_texts()][1:],
            rows=table.locator("tbody tr").count(),
            nodes=frame.locator("g.node").count(),
            text=frame.get_by_test_id("frameContents").inner_text(),
        )


@contextmanager
def open_browser(address: str, user: str, password: str) -> Iterator[Browser]:
    """Open Neo4j Browser and sign in.

    Args:
        address: Of the page.
        user: Of the database.
        password: Of the user.
    """
    chromium = find_chromium()
    from playwright.sync_api import sync_playwright

    arguments = [LOOPBACK_ONLY]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium has no sandbox for root
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=arguments) as chrome,
        chrome.new_context(permissions=["clipboard-read", "clipboard-write"]) as context,
    ):
        context.set_default_timeout(MILLISECONDS)
        page = context.new_page()
        page.goto(address)
        page.get_by_test_id("username").fill(user)
        page.get_by_test_id("password").fill(password)
        page.get_by_test_id("connect").click()
        page.get_by_text("You are connected as user").wait_for()
        yield Browser(page)
