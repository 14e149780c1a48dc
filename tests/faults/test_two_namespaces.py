"""Two namespaces that work at the same time see, count and infer nothing of each other.

Two worlds make random sequences of calls at the same time. No answer has a word of the other world,
and every answer is the same as when a world makes these calls alone.
"""

import json
import re
import shutil
import subprocess
import time
import uuid
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from random import Random

import neo4j
import pytest

from mcp_context_persistence import ContextPersistenceClient
from tests.conftest import RUN
from tests.faults.snapshot import difference, snapshot
from tests.faults.world_calls import CALLS, OF_THE_PROCESS, PROBES
from tests.faults.worlds import World, fill, outcome

BY_WORDS, SCORE = {"search_hybrid", "build_context"}, 0.1  # how far a score of words may move
FRACTION = re.compile(r"-?\d+\.\d+(?:e-\d+)?")
SECRETS = {"quenby": "vexilla", "zorblax": "mumpish"}  # of two worlds, by their names


@pytest.fixture(scope="module")
def redis():
    binary = shutil.which("redis-server")
    if binary is None:
        yield None  # tests/graph/test_cache.py says so
        return
    socket = Path("/tmp") / f"redis-{uuid.uuid4().hex[:12]}.sock"
    process = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", str(socket), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    while not socket.exists():
        assert process.poll() is None
        time.sleep(0.02)
    yield f"unix://{socket}"
    process.kill()
    process.wait()
    socket.unlink(missing_ok=True)


def public_names():
    return {name for name in dir(ContextPersistenceClient) if not name.startswith("_")}


def test_every_public_name_has_a_row():
    assert set(CALLS) == set(PROBES) == public_names()


def sequence(seed, length):
    """Return `length` random calls and probes of a world; without it, each once in random order."""
    random = Random(seed)
    rows = [(name, call) for table in (CALLS, PROBES) for name, call in table.items() if call]
    if length is None:
        return random.sample(rows, len(rows))
    cheap = [
        row for row in rows if row[0] != "configure_embedding_model"
    ]  # it takes seconds; the other world does it once
    return random.choices(cheap, k=length)


class Runner:
    """Worlds on one server, and their answers. The seed is in their names, so each one is new."""

    def __init__(self, stack, server, folder, redis, seed, names):
        self.seed = seed
        self.worlds = []
        for name in names:
            namespace = f"{RUN}{self.full(name)}-{uuid.uuid4().hex[:8]}"
            client = stack.enter_context(
                ContextPersistenceClient(
                    server.bolt_url,
                    auth=server.auth,
                    namespace=namespace,
                    enable_metrics=True,
                    metrics_port=0,
                )
            )
            self.worlds.append(World(client, self.full(name), SECRETS[name], folder, redis))
        self.answers = {world.name: [] for world in self.worlds}

    def full(self, name):
        return f"{name}{chr(ord('a') + self.seed)}"

    def run(self, sequences):
        """Make the calls of all worlds, each in its own order, mixed at random."""
        sequences = {self.full(name): calls for name, calls in sequences.items()}
        for world in self.worlds:
            fill(world)
        turns = [world for world in self.worlds for _ in sequences[world.name]]
        Random(self.seed).shuffle(turns)
        places = {world.name: count() for world in self.worlds}
        for world in turns:
            place = next(places[world.name])
            name, call = sequences[world.name][place]
            other = self.other(world)
            self.answers[world.name].append(
                (name, outcome(call, world, other, Random(f"{self.seed} {world.name} {place}")))
            )
            is_probe = call is PROBES[name]
            self.check(self.answers[world.name][-1], other, is_probe=is_probe)

    def other(self, world):
        """The other world, or one that has only names."""
        for other in self.worlds:
            if other is not world:
                return other
        name = next(name for name in SECRETS if self.full(name) != world.name)
        return World(world.client, self.full(name), SECRETS[name], world.folder)

    def check(self, answer, other, *, is_probe):
        name, text = answer
        assert other.secret not in text.lower(), name
        assert is_probe or other.name not in text.lower(), (
            name
        )  # which is in the name of the namespace, too


def check_sequences(server, folder, redis, seed, lengths, *, alone):
    """Make calls in two worlds together, after the worlds in `alone` made theirs separately."""
    sequences = {name: sequence(f"{seed} {name}", length) for name, length in lengths.items()}
    expected = {}
    with neo4j.GraphDatabase.driver(server.bolt_url, auth=server.auth) as driver:
        for name in alone:
            with ExitStack() as stack:
                runner = Runner(stack, server, folder / f"alone-{name}", redis, seed, [name])
                runner.run(sequences)
                (world,) = runner.worlds
                expected[world.name] = (
                    runner.answers[world.name],
                    snapshot(driver, world.client.namespace),
                )
        with ExitStack() as stack:
            runner = Runner(stack, server, folder / "together", redis, seed, SECRETS)
            runner.run(sequences)
            for world in runner.worlds:
                known = world.client._engine.types.snapshot().stored
                assert runner.other(world).name not in str(known).lower()
                if world.name in expected:
                    answers, graph = expected[world.name]
                    check_answers(runner.answers[world.name], answers)
                    now = snapshot(driver, world.client.namespace)
                    assert now == graph, difference(graph, now)
            first, second = runner.worlds
            first.client.close()
            assert second.client.get_conversation_stats().stats.total_conversations


def is_close(answer, expected):
    """Compare answers to the sixth digit of a score: texts are embedded in different groups."""
    if answer == expected:
        return True
    numbers = [[float(number) for number in FRACTION.findall(text)] for text in (answer, expected)]
    same_words = FRACTION.sub("#", answer) == FRACTION.sub("#", expected)
    return same_words and all(
        abs(first - second) < 1e-4 for first, second in zip(*numbers, strict=True)
    )


def differs_by_words_only(answer, expected):
    """Compare the results of searches without scores, which depend on words of the whole index."""
    if not answer.startswith("{") or not expected.startswith("{"):
        return False  # an error
    answer, expected = json.loads(answer), json.loads(expected)
    if "citations" in answer:  # a text has room for some of what was found
        scores = [
            {row["key"]: row["similarity_score"] for row in text["citations"]}
            for text in (answer, expected)
        ]
        common = scores[0].keys() & scores[1].keys()
        return len(common) > 0.5 * len(scores[1]) and all(
            abs(scores[0][key] - scores[1][key]) < SCORE for key in common
        )
    if answer.get("mode") not in {"hybrid", "keyword"}:
        return False
    scores = [
        {row["id"]: row["similarity_score"] for row in search["results"]}
        for search in (answer, expected)
    ]
    return scores[0].keys() == scores[1].keys() and all(
        abs(score - scores[1][key]) < SCORE for key, score in scores[0].items()
    )


def check_answers(together, alone):
    for (name, answer), (_, expected) in zip(together, alone, strict=True):
        if name in OF_THE_PROCESS or is_close(answer, expected):
            continue
        if name not in BY_WORDS or not differs_by_words_only(answer, expected):
            place = next(
                (
                    place
                    for place, (a, b) in enumerate(zip(answer, expected, strict=False))
                    if a != b
                ),
                0,
            )
            start = max(0, place - 60)
            pytest.fail(
                f"{name}: ...{answer[start : start + 200]}... "
                f"instead of ...{expected[start : start + 200]}..."
            )


def test_two_namespaces_do_not_meet(server, tmp_path, redis):
    check_sequences(server, tmp_path, redis, 1, {"quenby": None, "zorblax": 20}, alone=["quenby"])


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(2, 14))
def test_two_namespaces_do_not_meet_in_long_sequences(server, tmp_path, redis, seed):
    check_sequences(server, tmp_path, redis, seed, dict.fromkeys(SECRETS, 150), alone=SECRETS)
