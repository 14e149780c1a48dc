"""After a kill at any time, a store opens by itself with exactly what was acknowledged."""

import contextlib
import os
import random
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from mcp_context_persistence.kg import local
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local import configuration
from mcp_context_persistence.kg.local.store import Store
from mcp_context_persistence.kg.schema import migrations
from tests.faults import kills, writes
from tests.faults.kills import VECTOR_SIZE, Killer, ask, check_files, check_schema, insist, opened
from tests.faults.local_stores import QUICK, run
from tests.graph.versions import make_old

SEED = int(
    os.environ.get("KILLS_SEED") or random.SystemRandom().randrange(10**6)
)  # of all moments of a run
STATEMENTS = (
    len(migrations.BASE) + 3
)  # that make a whole schema: also the vectors' index, the graph's types and the mark


@pytest.fixture(autouse=True)
def _tally():
    yield
    kills.say(
        f" [KILLS_SEED={SEED}; kills so far: {dict(kills.tally)}, {kills.tally.total()} in all]"
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a schema, that all tests of a module wreck and mend."""
    folder = tmp_path_factory.mktemp("kills") / "store"
    with opened(folder) as graph:
        migrations.ensure_schema(graph, vector_size=VECTOR_SIZE)
        yield folder
    local.stop(folder, force=True)


def open_again(folder):
    """Open as a user does who does not know what happened, and look whether all is there."""
    with opened(folder) as graph:
        insist(lambda: migrations.ensure_schema(graph, vector_size=VECTOR_SIZE))
        check_schema(graph)


def open_under_fire(folder, seed, *, statement=None, most=1, within=0.12):
    """Open while the server is killed, soon after the n-th writing statement or after any."""
    with Killer(folder, seed, most=most, within=within) as killer, opened(folder) as graph:
        graph.on_write = lambda number: killer.arm() if statement in {None, number} else None
        with contextlib.suppress(DatabaseError):
            migrations.ensure_schema(graph, vector_size=VECTOR_SIZE)
    return killer.kills


def drop_all(graph):
    """Leave nothing of the schema."""
    ask(graph, "MATCH (v:SchemaVersion) DETACH DELETE v")
    for index in migrations.list_required_indexes(graph, vector_size=VECTOR_SIZE):
        ask(graph, f"DROP {'CONSTRAINT' if index.is_unique else 'INDEX'} {index.name} IF EXISTS")


def test_a_client_and_then_a_server_killed_while_a_fresh_store_is_opened(tmp_path):
    folder = tmp_path / "store"
    process = kills.program("open", folder)
    time.sleep(random.Random(SEED).uniform(0.2, 4))
    kills.kill_program(process)
    open_under_fire(folder, SEED)
    open_again(folder)
    local.stop(folder, force=True)


@pytest.mark.parametrize(
    "created",
    [pytest.param(["system"], marks=pytest.mark.long), ["system", "neo4j"]],
    ids=" and ".join,
)
def test_a_server_killed_before_a_new_database_had_its_log(tmp_path, created):
    """Neo4j creates first the files of a database, and then its log: it cannot open the former."""
    folder = tmp_path / "store"
    files = Store(folder)
    files.prepare()
    files.write_mark()
    mark = files.mark.read_text()
    local.attach(folder, settings=QUICK).close()
    local.stop(folder, force=True)
    files.mark.write_text(mark)  # the server was not ready yet
    for database in files.data.glob("databases/*/"):
        if database.name not in created:
            shutil.rmtree(database)
        if database.name not in created[:-1]:
            shutil.rmtree(files.data / "transactions" / database.name)
    for number in (1, 2):
        with local.attach(folder, settings=QUICK) as attached:
            run(attached, f"CREATE (:Kept {{id: {number}}})")
            assert len(run(attached, "MATCH (n:Kept) RETURN n.id AS id")) == number
        local.stop(folder, force=True)


def test_a_server_killed_in_a_migration(store):
    version = 1
    with opened(store) as graph:
        make_old(graph, version, vector_size=VECTOR_SIZE)
    open_under_fire(store, SEED, statement=1)
    open_again(store)


def test_a_client_killed_at_each_step_of_making_a_folder_leaves_one_that_can_be_used(
    tmp_path, monkeypatch
):
    """Return the files written before the server starts; each may be missing or temporary."""
    jars, replace = local.provision(), Path.replace
    for number in range(1, 5):
        for after in (False, True):
            files = Store(tmp_path / f"{number}-{after}")
            child = os.fork()
            if child == 0:
                moves = iter(range(1, 100))

                def die(self, target, number=number, after=after, moves=moves):
                    here = next(moves) == number
                    if not here or after:
                        replace(self, target)
                    if here:
                        os._exit(9)

                monkeypatch.setattr(Path, "replace", die)
                with contextlib.suppress(BaseException):
                    make(files, jars)
                    files.write_mark()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
            make(files, jars)
            user, kept, _ = (files.data / "dbms" / "auth.ini").read_text().split(":")
            salt = bytes.fromhex(kept.split(",")[2])
            assert (user, kept) == ("neo4j", configuration.hash_password(files.password(), salt))
            assert "db.logs.query.enabled=OFF" in (files.conf / "neo4j.conf").read_text()


def make(files, jars):
    """All that an opening writes before it starts the server."""
    files.prepare()
    files.password()
    configuration.write(files, configuration.make_options(str(jars.plugins)))


def write_under_fire(store, namespace, made, seed, *, every, victims=("server",), within=0.15):
    """Make the steps, kill at every n-th one, and compare the store with the model after each."""
    done = 0
    # A supervisor gives up after five deaths of its server; it starts again with its next client.
    while done < len(made):
        with contextlib.closing(writes.client_of(store, namespace)) as client:
            graph = client._engine.graph
            # A client can only use vectors of a model that it has.
            for step in [step for step in made[:done] if step["call"] == "configure"][-1:]:
                insist(partial(writes.do, client, step))
            for number in range(done, min(done + 4 * every, len(made))):
                hit = number % every == every - 1
                with Killer(
                    store, seed + number, most=int(hit), within=within, victims=victims
                ) as killer:
                    killer.arm()
                    step = made[number]
                    insist(partial(writes.do, client, step))
                    model = writes.Model(made[: number + 1])
                if hit:
                    insist(partial(hold, graph, namespace, model))
                done = number + 1
            insist(client.get_conversation_stats)


def hold(graph, namespace, model):
    assert writes.found(graph, namespace) == model


def compare(store, namespace, made):
    """Make the same steps undisturbed in another namespace, and compare all of both."""
    with contextlib.closing(writes.client_of(store, f"{namespace}-twin")) as client:
        for step in made:
            writes.do(client, step)
        graph = client._engine.graph
        assert writes.canonical(graph, namespace) == writes.canonical(graph, f"{namespace}-twin")
        assert writes.found(graph, namespace) == writes.Model(made)
        check_schema(graph)


def test_a_server_killed_while_it_is_written_to(store):
    made = writes.steps(SEED, 8)
    write_under_fire(store, "fire", made, SEED, every=5)
    compare(store, "fire", made)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(SEED, SEED + 10), ids=range(10))
def test_fresh_stores_whose_openers_and_servers_are_killed(tmp_path, seed):
    """Kill clients during the first start, then both processes, then the server on its schema."""
    chance, folder = random.Random(seed), tmp_path / "store"
    for _ in range(2):
        process = kills.program("open", folder)
        time.sleep(chance.uniform(0, 6))
        kills.kill_program(process)
    with Killer(folder, seed, most=3, within=4, victims=("server", "supervisor"), always=True):
        for _ in range(4):
            with contextlib.suppress(DatabaseError), opened(folder) as graph:
                migrations.ensure_schema(graph, vector_size=VECTOR_SIZE)
    with opened(folder) as graph:
        insist(lambda: migrations.ensure_schema(graph, vector_size=VECTOR_SIZE))
        drop_all(graph)
    open_under_fire(folder, seed, most=4)
    open_again(folder)
    local.stop(folder, force=True)
    check_files(folder)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("statement", range(1, STATEMENTS + 1))
def test_a_server_killed_at_each_statement_of_the_schema(store, statement):
    with opened(store) as graph:
        drop_all(graph)
    for seed in (SEED + statement, SEED - statement):
        open_under_fire(
            store,
            seed,
            statement=min(statement, 1 + statement % 3) if seed < SEED else statement,
            within=0.08,
        )
    open_again(store)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("version", range(1, migrations.VERSION))
def test_a_server_killed_at_each_statement_of_a_migration_with_data_in_it(store, version):
    made, namespace = writes.steps(version, 8, calls=("save", "graph")), f"old-{version}"
    with contextlib.closing(writes.client_of(store, namespace)) as client:
        for step in made:
            writes.do(client, step)
        model = client.get_embedding_status().model
    for statement in range(1, 10):
        with opened(store) as graph:
            make_old(graph, version, vector_size=VECTOR_SIZE, model=model)
        open_under_fire(store, statement, statement=statement, within=0.08)
        open_again(store)
        with opened(store) as graph:
            assert writes.found(graph, namespace) == writes.Model(made)
    compare(store, namespace, made)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "calls",
    [
        ("save",),
        ("save", "graph", "merge", "merge", "undo", "undo"),
        ("merge", "undo", "graph"),
        ("save", "configure", "configure"),
        ("save", "reextract", "reextract"),
    ],
)
def test_servers_killed_in_every_call_that_writes(store, calls):
    namespace, seed = "-".join(calls), SEED + len(calls)
    made = [
        {**step, "mode": "hybrid"} if "reextract" in calls else step
        for step in writes.steps(seed, 50, calls=calls)
    ]
    write_under_fire(
        store,
        namespace,
        made,
        seed,
        every=3,
        victims=("server", "server", "server", "supervisor"),
        within=0.4,
    )
    compare(store, namespace, made)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_clients_killed_while_they_write(store, tmp_path):
    seed, count = SEED, 60
    journal, made = tmp_path / "journal", writes.steps(seed, count)
    chance, done = random.Random(seed), 0
    while done < count:
        process = kills.program("write", store, seed, count, journal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(2, 8))
        kills.kill_program(process)
        lines = writes.noted(journal)
        done = sum(line["done"] for line in lines)
        with opened(
            store
        ) as graph:  # all that was acknowledged, and of what was begun all or nothing
            assert writes.found(graph, "journal") in [
                writes.Model(made[:end]) for end in (done, done + 1)
            ]
    compare(store, "journal", made)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_servers_killed_while_indexes_are_filled(store):
    with opened(store) as graph:
        ask(
            graph,
            "UNWIND range(0, 49) AS page CALL (page) { UNWIND range(0, 999) AS i "
            "CREATE (:Entity {namespace: 'full', id: page + '-' + i, name: 'n' + i, "
            "type: 't' + i, content: 'x'}) } IN TRANSACTIONS OF 10 ROWS",
        )
    for seed, index in enumerate(["entity_name", "entity_type", "memory_text", "entity_id"] * 2):
        with opened(store) as graph:
            ask(
                graph, f"DROP {'CONSTRAINT' if index == 'entity_id' else 'INDEX'} {index} IF EXISTS"
            )
        open_under_fire(store, seed, within=0.6)
        open_again(store)
    with opened(store) as graph:
        assert ask(graph, "MATCH (n:Entity {namespace: 'full'}) RETURN count(n) AS number") == [
            {"number": 50_000}
        ]
        ask(
            graph,
            "MATCH (n:Entity {namespace: 'full'}) CALL (n) { DELETE n } "
            "IN TRANSACTIONS OF 10000 ROWS",
        )


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_store_that_all_of_these_wrecked_is_whole(store):
    open_again(store)
    local.stop(store, force=True)
    check_files(store)
