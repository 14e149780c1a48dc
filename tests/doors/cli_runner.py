"""Run commands in this process, against the Neo4j of the tests."""

import json

import pytest
from click.testing import CliRunner

from mcp_context_persistence.cli.main import commands


class Commands:
    """Runs commands on one namespace."""

    def __init__(self, url: str, namespace: str) -> None:
        self.url, self.namespace = url, namespace

    def run(self, *words, text=None, namespace=None):
        """Run a command, and return its exit code and what it has printed."""
        options = ["--store", self.url, "--namespace", namespace or self.namespace]
        # The options of all commands may also stand before them.
        return CliRunner().invoke(commands, [*options, *map(str, words)], input=text)

    def print(self, *words, **options):
        """Run a command that succeeds, and return its lines."""
        result = self.run(*words, **options)
        assert result.exit_code == 0, (words, result.stdout, result.stderr, result.exception)
        return result.stdout.splitlines()

    def read(self, *words, **options):
        """Run a command that succeeds with --json, and return the objects of its lines."""
        return [json.loads(line) for line in self.print(*words, "--json", **options)]


def open_commands(server, namespace, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Return the commands of a namespace."""
    if server.auth:
        monkeypatch.setenv("CONTEXT_DB_USER", server.user)
        monkeypatch.setenv("CONTEXT_DB_PASSWORD", server.password)
    return Commands(server.bolt_url, namespace)
