"""The proxy itself: what it lets through, and what it cuts."""

import neo4j
import pytest
from neo4j.exceptions import DriverError

from tests.faults.bolt import REPLIES, REQUESTS, Message, Messages
from tests.faults.proxy import Proxy


@pytest.fixture
def proxy(server):
    with Proxy.to(server.bolt_url) as proxy:
        yield proxy


@pytest.fixture
def driver(server, proxy):
    with neo4j.GraphDatabase.driver(proxy.url, auth=server.auth, telemetry_disabled=True) as driver:
        yield driver


def count(driver, marker):
    with driver.session() as session:
        return (
            session.run("MATCH (n:ProxyTest {marker: $marker}) RETURN count(n)", marker=marker)
            .single(strict=True)
            .value()
        )


def write(driver, marker):
    with (
        driver.session() as session,
        session.begin_transaction(metadata={"statement": "proxy/test"}) as transaction,
    ):
        transaction.run(
            "CREATE (:ProxyTest {marker: $marker, namespace: $marker})", marker=marker
        ).consume()
        transaction.commit()


def test_messages_are_split_wherever_the_bytes_are_divided():
    whole = b"\x00\x03\xb1\x10\x80\x00\x00" + b"\x00\x00" + b"\x00\x02\xb1\x3f\x00\x01\xa0\x00\x00"
    for size in range(1, len(whole)):
        messages = Messages(REQUESTS)
        parts = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert [one.kind for part in parts for one in messages.feed(part)] == [
            "RUN",
            "NOOP",
            "PULL",
        ]
    assert [one.kind for one in Messages(REPLIES).feed(b"\x00\x03\xb1\x70\xa0\x00\x00")] == [
        "SUCCESS"
    ]


def test_a_message_tells_its_statement():
    name = "conversation/load_with_a_long_name"
    raw = b"\x89statement\xd0" + bytes([len(name)]) + name.encode() + b"\x84mode\x81r"
    assert (Message("RUN", raw).statement, Message("RUN", raw).is_read) == (name, True)
    assert Message("RUN", b"\x89statement\x83a/b").statement == "a/b"
    assert Message("RUN", b"").statement is None


def test_what_is_not_cut_gets_through(driver, proxy, namespace):
    write(driver, namespace)
    assert count(driver, namespace) == 1
    assert proxy.counts["connections"] == 1
    assert proxy.counts["BEGIN"] == proxy.counts["COMMIT"] == proxy.counts["HELLO"] == 1


@pytest.mark.parametrize(("reply", "stored"), [(False, 0), (True, 1)])
def test_a_lost_commit_is_not_applied_and_one_whose_reply_is_lost_is(
    driver, proxy, namespace, reply, stored
):
    cut = proxy.cut("COMMIT", reply=reply)
    with pytest.raises(DriverError):
        write(driver, namespace)
    assert cut.fired == 1
    assert count(driver, namespace) == stored


def test_the_nth_of_a_kind_is_cut(driver, proxy, namespace):
    cut = proxy.cut("BEGIN", 2, matches=lambda message: message.statement == "proxy/test")
    write(driver, namespace)
    with pytest.raises(DriverError):
        write(driver, namespace)
    write(driver, namespace)
    assert (cut.seen, cut.fired) == (3, 1)
    assert count(driver, namespace) == 2


def test_a_connection_is_cut_after_a_byte(driver, proxy, namespace):
    write(driver, namespace)
    proxy.cut_after(10)
    with pytest.raises(DriverError):
        write(driver, namespace)
    assert count(driver, namespace) == 1


def test_a_silent_connection_swallows_and_a_new_one_does_not(server, proxy, namespace):
    with neo4j.GraphDatabase.driver(proxy.url, auth=server.auth) as driver:
        write(driver, namespace)
        proxy.silence()
        session = driver.session()
        connection = session._connect(neo4j.READ_ACCESS) or session._connection
        connection.socket.set_read_timeout(0.3)
        with pytest.raises(DriverError):
            session.run("RETURN 1").consume()
        session.close()
        assert proxy.counts["swallowed requests"] >= 1
        assert count(driver, namespace) == 1


def test_nothing_listens_where_it_refuses_until_it_listens_again(server, proxy, namespace):
    proxy.refuse()
    with neo4j.GraphDatabase.driver(proxy.url, auth=server.auth) as driver:
        with pytest.raises(DriverError) as caught:
            write(driver, namespace)
        causes = []
        error: BaseException | None = caught.value
        while error is not None:
            causes.append(type(error))
            error = error.__cause__
        assert ConnectionRefusedError in causes
        proxy.listen()
        write(driver, namespace)
    assert proxy.counts["COMMIT"] == 1


def test_a_slow_wire_is_slow_and_loses_nothing(driver, proxy, namespace):
    write(driver, namespace)
    proxy.rate = 20_000
    write(driver, namespace)
    proxy.heal()
    assert count(driver, namespace) == 2
