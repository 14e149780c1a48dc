"""Replies are lost on the wire, to every call that writes, on a server known by its address and on a managed store."""

import logging
import random
from collections import Counter

import pytest

from tests.faults.attack import Attack
from tests.faults.proxy import Proxy
from tests.faults.write_calls import WRITE_CALLS

log = logging.getLogger(__name__)

BY_NAME = pytest.mark.parametrize("call", WRITE_CALLS, ids=lambda call: call.name)
LOSSES = 1000
PLACES = ("COMMIT", "PULL", "RUN", "BEGIN")


@pytest.fixture(scope="module", params=["bolt", "managed"])
def attack(request, bolt_target, managed_target, direct):
    return Attack(bolt_target if request.param == "bolt" else managed_target, direct)


@pytest.fixture
def proxy(bolt_target):
    with Proxy.to(bolt_target.bolt_url) as proxy:
        yield proxy


def messages(attack, call, proxy):
    """How many messages of each kind an undisturbed run of the call sends."""
    known = attack.undisturbed(call, proxy=proxy)
    return {kind: known.messages[kind] for kind in PLACES if known.messages[kind]}


def strike(attack, proxy, call, kind, nth, **how):
    """Cut the wire at a message of a call; returns the error that it ended with."""
    cuts = []
    error = attack.run(call, proxy, lambda: cuts.append(proxy.cut(kind, nth, **how)), proxy.heal)
    assert cuts[0].fired == 1, f"{call.name}: no {kind} {nth}"
    return error


@BY_NAME
def test_a_lost_reply_is_replayed(attack, proxy, call):
    """The last commit, or the last answer where there is none, never comes; a replay finds what it wrote."""
    counts = messages(attack, call, proxy)
    kind = "COMMIT" if "COMMIT" in counts else "PULL"
    assert strike(attack, proxy, call, kind, counts[kind], reply=True) is None


@pytest.mark.parametrize("call", WRITE_CALLS[::2], ids=lambda call: call.name)
def test_a_server_that_is_gone_after_it_applied_leaves_the_outcome_unknown(proxy, bolt_target, direct, call):
    attack = Attack(bolt_target, direct)
    counts = messages(attack, call, proxy)
    kind = "COMMIT" if "COMMIT" in counts else "PULL"
    error = strike(attack, proxy, call, kind, counts[kind], reply=True, then=proxy.refuse)
    assert error is None or error.outcome == "unknown" or call.method == "configure_embedding_model"


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_thousand_lost_replies(attack, proxy):
    chance, outcomes, places = random.Random(7), Counter(), Counter()
    for number in range(LOSSES // 2):  # the same again for the other kind of address
        call = WRITE_CALLS[number % len(WRITE_CALLS)]
        counts = messages(attack, call, proxy)
        kind = chance.choice(list(counts))
        is_gone = chance.random() < 0.3
        how = {"then": proxy.refuse} if is_gone else {}
        error = strike(attack, proxy, call, kind, chance.randint(1, counts[kind]), reply=True, **how)
        if not is_gone:
            assert error is None, f"{call.name}: {kind} was not replayed"
        outcomes[error.outcome if error else "acknowledged"] += 1
        places[kind] += 1
    log.info("%d lost replies: %s, %s", LOSSES // 2, dict(outcomes), dict(places))


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_requests_are_lost_and_wires_are_cut_anywhere(attack, proxy):
    chance, outcomes = random.Random(11), Counter()
    for number in range(12 * len(WRITE_CALLS)):
        call = WRITE_CALLS[number % len(WRITE_CALLS)]
        counts = messages(attack, call, proxy)
        if chance.random() < 0.5:
            kind = chance.choice(list(counts))
            error = strike(attack, proxy, call, kind, chance.randint(1, counts[kind]))
        else:
            size, direction = chance.randint(1, 6000), chance.choice(["requests", "replies"])
            error = attack.run(call, proxy, lambda size=size, direction=direction: proxy.cut_after(size, direction), proxy.heal)
        assert error is None, f"{call.name}: not replayed"
        outcomes["acknowledged"] += 1
    log.info("%s", dict(outcomes))
