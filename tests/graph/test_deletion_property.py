"""After random saves, merges and deletions, nothing of a deleted text is left."""

import itertools
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_context_persistence import ContextPersistenceClient
from tests.conftest import RUN
from tests.graph.conversations import dump, find_words, normalize

CLASSES = ("OrderParser", "StockLoader", "InvoicePrinter")
LIBRARIES = ("pandas", "Redis", "Flask")

sentences = st.builds(
    "The {} class {} {}.".format,
    st.sampled_from(CLASSES),
    st.sampled_from(["uses", "does not use"]),
    st.sampled_from(LIBRARIES),
)
decided = st.builds("We decided to use {}.".format, st.sampled_from(LIBRARIES))
# The first text of an entity decides its type; all these sentences give it the same one.
facts = st.lists(sentences, min_size=1, max_size=2).map(" ".join)
texts = st.lists(sentences | decided, min_size=1, max_size=2).map(" ".join)
talks = st.sampled_from(["a", "b"])
keys = st.sampled_from(["1", "2", "3"])
documents = st.sampled_from(["x", "y"])


def saves(contents):
    """Return a strategy of steps that save such texts."""
    message = st.tuples(st.just("save"), talks, keys, contents)
    return message | message | st.tuples(st.just("save_document"), documents, contents)


DELETIONS = (
    st.tuples(st.just("delete_message"), talks, keys)
    | st.tuples(st.just("delete_conversation"), talks)
    | st.tuples(st.just("delete_document"), documents)
)
OTHERS = (
    st.tuples(st.just("propose"), talks)
    | st.tuples(st.just("accept"))
    | st.tuples(st.just("merge"), st.permutations(CLASSES))
    | st.tuples(st.just("undo"))
)
few = settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WORDS = itertools.count()


@pytest.fixture(scope="module")
def open_client(server):
    """Open clients of new namespaces; close them afterwards."""
    opened = []

    def open_new():
        name = f"{RUN}{uuid.uuid4().hex[:12]}"
        opened.append(ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=name))
        return opened[-1]

    yield open_new
    for client in opened:
        client.close()


class History:
    """Takes steps with a client, and remembers what remains and what was deleted.

    Every text has a word of its own, by which it is recognized.
    """

    def __init__(self, client):
        self.client, self.merge_ids = client, []
        self.talks, self.documents, self.deleted_words = {}, {}, []

    def take(self, step):
        name, *arguments = step
        getattr(self, name)(*arguments)

    def save(self, talk, key, text):
        word = f"zq{next(WORDS)}"
        stored = self.talks.setdefault(talk, {})
        self.forget(stored.get(talk + key))
        stored[talk + key] = (word, f"{word} is here. {text}")
        self.save_messages(self.client, talk, [talk + key])

    def save_messages(self, client, talk, ids):
        client.save_conversation(
            talk,
            [{"id": key, "role": "user", "content": self.talks[talk][key][1]} for key in ids],
        )

    def save_document(self, key, text):
        word = f"zq{next(WORDS)}"
        self.forget(self.documents.get(key))
        self.documents[key] = (word, f"{word} is here. {text}")
        self.client.save_document(key, self.documents[key][1])

    def forget(self, item):
        if item:
            self.deleted_words.append(item[0])

    def delete_message(self, talk, key):
        item = self.talks.get(talk, {}).pop(talk + key, None)
        self.forget(item)
        assert self.delete("delete_message", talk + key).existed == (item is not None)

    def delete_conversation(self, talk):
        stored = self.talks.pop(talk, None)
        for item in (stored or {}).values():
            self.forget(item)
        assert self.delete("delete_conversation", talk).existed == (stored is not None)

    def delete_document(self, key):
        item = self.documents.pop(key, None)
        self.forget(item)
        assert self.delete("delete_document", key).existed == (item is not None)

    def delete(self, call, key):
        before = dump(self.client)
        preview = getattr(self.client, call)(key, dry_run=True)
        assert dump(self.client) == before
        receipt = getattr(self.client, call)(key)
        assert (receipt.deleted, receipt.changed) == (preview.deleted, preview.changed)
        assert not getattr(self.client, call)(key).existed
        return receipt

    def propose(self, talk):
        if talk in self.talks:
            self.client.propose_decisions(talk)

    def accept(self):
        for decision in self.client.list_decisions(status="proposed", limit=1).decisions:
            self.client.review_decision(decision.id)

    def merge(self, names):
        ids = {entity.id for entity in self.client.list_entities().entities}
        present = [name for name in names if name in ids]
        if len(present) > 1:
            self.merge_ids.append(self.client.merge_entities(present[0], present[1:2]).merge_id)

    def undo(self):
        if self.merge_ids:
            self.client.undo_merge(self.merge_ids.pop())


@few
@given(steps=st.lists(saves(facts) | DELETIONS, min_size=2, max_size=9))
def test_the_graph_is_that_of_the_remaining_saves(open_client, steps):
    history, alone = History(open_client()), open_client()
    for step in steps:
        history.take(step)
    for talk, stored in history.talks.items():
        if stored:
            history.save_messages(alone, talk, list(stored))
        else:  # a conversation without messages stays
            alone.save_decision(talk, "plan", "Two ways.", "One way.")
            alone.delete_decision(alone.list_decisions().decisions[0].id)
    for key, (_, text) in history.documents.items():
        alone.save_document(key, text)
    assert normalize(history.client) == normalize(alone)
    assert find_words(history.client, history.deleted_words) == []


@few
@given(steps=st.lists(saves(texts) | DELETIONS | OTHERS, min_size=3, max_size=12))
def test_no_deleted_text_is_left_beside_merges_and_decisions(open_client, steps):
    history = History(open_client())
    for step in steps:
        history.take(step)
    assert find_words(history.client, history.deleted_words) == []
    while history.merge_ids:
        history.undo()
    assert find_words(history.client, history.deleted_words) == []
    for talk in list(history.talks):
        history.delete_conversation(talk)
    for key in list(history.documents):
        history.delete_document(key)
    assert find_words(history.client, history.deleted_words) == []
    stats = history.client.get_conversation_stats().stats
    assert (stats.total_messages, stats.total_relationships, stats.total_decisions) == (0, 0, 0)
    assert stats.total_entities == 0
