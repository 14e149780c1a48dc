"""Run commands in this process, against the Neo4j of the tests."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from mcp_context_persistence.cli.main import commands
from mcp_context_persistence.service import remote


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


def use_service_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every call go through the service that runs; a client of one's own is an error."""
    connect, call = remote.connect, remote.RemoteClient._call

    def connect_always(*args: Any, **kwargs: Any) -> Any:
        client = connect(*args, **kwargs)
        assert client is not None
        return client

    def call_service(self: remote.RemoteClient, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return call(self, name, *args, **kwargs)
        finally:
            assert self._own is None, name

    monkeypatch.setattr(remote, "connect", connect_always)
    monkeypatch.setattr(remote.RemoteClient, "_call", call_service)
