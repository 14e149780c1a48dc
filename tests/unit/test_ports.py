"""The ports of a managed server: the last ones again where they are free."""

import socket

import pytest

from mcp_context_persistence.kg.local.ports import STABLE_PORTS, choose_ports
from mcp_context_persistence.kg.local.settings import LOOPBACK


def test_the_last_ports_are_chosen_again():
    ports = choose_ports([0, 0])
    assert len(set(ports)) == 2
    assert choose_ports(ports) == ports


def test_first_ports_are_not_those_that_outgoing_connections_get():
    assert all(port in STABLE_PORTS for port in choose_ports([0] * 8))


def test_only_a_taken_port_is_replaced():
    first, second = choose_ports([0, 0])
    with socket.socket() as listener:
        listener.bind((LOOPBACK, first))
        listener.listen()
        replaced, same = choose_ports([first, second])
    assert replaced != first
    assert same == second


def test_any_port_is_better_than_none(monkeypatch):
    monkeypatch.setattr("mcp_context_persistence.kg.local.ports.PORT_TRIES", 0)
    (port,) = choose_ports([0])
    assert port > 0


def test_without_any_port_it_is_an_error(monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(OSError, match="no port"):
        choose_ports([0])
