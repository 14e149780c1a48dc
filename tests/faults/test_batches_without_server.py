"""A batch whose server stops ends in a bounded time, and a second run saves the rest."""

import logging
import time

import pytest

from mcp_context_persistence import ContextPersistenceClient
from tests.faults.attack import Attack
from tests.faults.proxy import Proxy

log = logging.getLogger(__name__)

COUNT = 60
TALKS = [
    {"conversation_id": f"c{n}", "messages": [{"role": "user", "content": f"Note {n}."}]}
    for n in range(COUNT)
]
TEXTS = [f"The Order{n}Service class uses pandas." for n in range(COUNT)]


def save(client, progress):
    return client.batch_save_conversations(TALKS, progress=progress)


def extract(client, progress):
    return client.batch_extract_entities(TEXTS, parallel=True, progress=progress)


@pytest.fixture
def proxy(bolt_target):
    with Proxy.to(bolt_target.bolt_url) as proxy:
        yield proxy


def run_until_the_server_is_gone(work, proxy, target, deadline, vanish):
    """Stop the server after the first group, return the seconds until the end, and run it again."""
    with ContextPersistenceClient(
        proxy.url, auth=target.auth, namespace=Attack.namespace(), config={"deadline": deadline}
    ) as client:
        client.configure_parallel_processing(chunk_size=5)
        client.save_conversation(
            "warm", [{"role": "user", "content": "The WarmService class uses numpy."}]
        )
        since = []

        def progress(*_):
            if not since:
                vanish()
                since.append(time.monotonic())

        answers = work(client, progress)
        seconds = time.monotonic() - since[0]
        failed = [one for one in answers if not one.success]
        assert len(answers) == COUNT
        assert len(failed) > COUNT // 2
        assert any("not tried" in one.error for one in failed)
        proxy.heal()
        proxy.drop()
        assert all(one.success for one in work(client, lambda *_: None))
    return seconds


@pytest.mark.parametrize("work", [save, extract])
def test_a_server_that_is_not_there_any_more(work, proxy, bolt_target):
    def vanish():
        proxy.refuse()
        proxy.drop()

    run_until_the_server_is_gone(work, proxy, bolt_target, 30.0, vanish)


@pytest.mark.long
@pytest.mark.parametrize("work", [save, extract])
def test_a_server_that_is_silent(work, proxy, bolt_target):
    deadline = 10.0
    seconds = run_until_the_server_is_gone(
        work, proxy, bolt_target, deadline, lambda: proxy.silence(new=True)
    )
    log.warning(
        "%s: %.1f s after the server fell silent, with a deadline of %g s",
        work.__name__,
        seconds,
        deadline,
    )
    assert seconds < 2 * deadline + 5
