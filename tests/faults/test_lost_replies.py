"""Replies to every writing call are lost, on a server by its address and on a managed store."""

import functools
import itertools
import logging
import random
from collections import Counter

import pytest

from tests.faults.proxy import Proxy
from tests.faults.write_calls import WRITE_CALLS

pytestmark = pytest.mark.usefixtures("impatient_migration")

log = logging.getLogger(__name__)

LOSSES = 1000
PLACES = ("COMMIT", "PULL", "RUN", "BEGIN")


@pytest.fixture(params=["bolt", "managed"])
def attack(request):
    return request.getfixturevalue(f"{request.param}_attack")


@pytest.fixture
def proxy(bolt_target):
    with Proxy.to(bolt_target.bolt_url) as proxy:
        yield proxy


def messages(attack, call):
    """How many messages of each kind an undisturbed run of the call sends."""
    known = attack.undisturbed(call)
    return {kind: known.messages[kind] for kind in PLACES if known.messages[kind]}


def strike(attack, proxy, call, kind, nth, **how):
    """Cut the wire at a message of a call; return its error, and whether the message was sent.

    Batches send some more or fewer, as their threads see each other's work, and so does a new
    model, as its index exists or not.
    """
    cuts = []
    error = attack.run(call, proxy, lambda: cuts.append(proxy.cut(kind, nth, **how)), proxy.heal)
    assert cuts[0].fired or not call.is_atomic, f"{call.name}: no {kind} {nth}"
    return error, cuts[0].fired > 0


@pytest.mark.parametrize(
    ("call", "kind_of_address"),
    [(call, ("bolt", "managed")[place % 2]) for place, call in enumerate(WRITE_CALLS)],
    ids=lambda one: getattr(one, "name", one),
)
def test_a_lost_reply_is_replayed(request, proxy, call, kind_of_address):
    """Lose the reply to the last commit, or the last answer; a replay finds what was written."""
    attack = request.getfixturevalue(f"{kind_of_address}_attack")
    counts = messages(attack, call)
    kind = "COMMIT" if "COMMIT" in counts else "PULL"
    assert strike(attack, proxy, call, kind, counts[kind], reply=True)[0] is None


@pytest.mark.parametrize("call", WRITE_CALLS[::3], ids=lambda call: call.name)
def test_a_server_that_is_gone_after_it_applied_leaves_the_outcome_unknown(
    bolt_attack, proxy, call
):
    counts = messages(bolt_attack, call)
    kind = "COMMIT" if "COMMIT" in counts else "PULL"
    error, _ = strike(bolt_attack, proxy, call, kind, counts[kind], reply=True, then=proxy.refuse)
    assert error is None or error.outcome == "unknown"


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_thousand_lost_replies(attack, proxy):
    chance, outcomes, places, turn = (
        random.Random(7),
        Counter(),
        Counter(),
        itertools.cycle(WRITE_CALLS),
    )
    while outcomes.total() < LOSSES // 2:  # the same again for the other kind of address
        call = next(turn)
        counts = messages(attack, call)
        kind = chance.choice(list(counts))
        is_gone = chance.random() < 0.3
        how = {"then": proxy.refuse} if is_gone else {}
        error, fired = strike(
            attack, proxy, call, kind, chance.randint(1, counts[kind]), reply=True, **how
        )
        if not is_gone:
            assert error is None, f"{call.name}: {kind} was not replayed"
        if fired:
            outcomes[error.outcome if error else "acknowledged"] += 1
            places[kind] += 1
    log.warning("%d lost replies: %s, %s", outcomes.total(), dict(outcomes), dict(places))


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_requests_are_lost_and_wires_are_cut_anywhere(attack, proxy):
    chance, done = random.Random(11), Counter()
    for call in WRITE_CALLS * 12:
        counts = messages(attack, call)
        if chance.random() < 0.5:
            kind = chance.choice(list(counts))
            error, fired = strike(attack, proxy, call, kind, chance.randint(1, counts[kind]))
            done[f"{kind} lost"] += fired
        else:
            size, direction = chance.randint(1, 6000), chance.choice(["requests", "replies"])
            cut = functools.partial(proxy.cut_after, size, direction)
            error = attack.run(call, proxy, cut, proxy.heal)
            done[f"{direction} cut after bytes"] += 1
        assert error is None, f"{call.name}: not replayed"
    log.warning("%s", dict(done))
