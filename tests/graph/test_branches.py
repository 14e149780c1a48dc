"""Conversations with branches on a real server."""

import uuid

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from tests.conftest import RUN
from tests.graph.conversations import dump

TALK = "talk"


def message(key, text=None, **fields):
    return {"id": key, "role": "user", "content": text or f"Text {key}.", **fields}


def load(client, **arguments):
    return client.load_conversation_history(TALK, **arguments)


def read_ids(client, **arguments):
    return [item.id for item in load(client, **arguments).messages]


def read_nodes(client):
    """Return the stored form: each message with position, successors and whether it is current."""
    with client._engine.graph.driver.session() as session:
        return session.run(
            "MATCH (c:Conversation {namespace: $namespace, id: $id})-[:HAS_MESSAGE]->(m) "
            "RETURN m.id AS id, m.position AS position, m.alternative AS alternative, "
            "c.end AS end, "
            "COLLECT { MATCH (m)-[:NEXT]->(n) RETURN n.id ORDER BY n.position } AS next "
            "ORDER BY m.position",
            namespace=client.namespace,
            id=TALK,
        ).data()


@pytest.fixture
def branched(client):
    """Two answers to the first message; the second one is the current branch."""
    client.append_messages(TALK, [message("a"), message("b"), message("c")])
    client.append_messages(TALK, [message("d", parent_id="a"), message("e")])
    return client


def test_a_message_with_a_parent_begins_the_current_branch(branched):
    current = load(branched)
    assert [(item.id, item.parent_id) for item in current.messages] == [
        ("a", None),
        ("d", "a"),
        ("e", "d"),
    ]
    assert (current.leaf_id, current.message_count, current.total_messages) == ("e", 3, 5)
    assert read_ids(branched, all_branches=True) == ["a", "b", "c", "d", "e"]
    assert load(branched, all_branches=True).leaf_id == "e"
    # A message in the middle names the branch as well as the one at its end.
    assert read_ids(branched, leaf_id="b") == read_ids(branched, leaf_id="c") == ["a", "b", "c"]
    assert load(branched, leaf_id="b").leaf_id == "c"
    assert branched.get_message("d").message.parent_id == "a"


def test_an_append_continues_the_current_branch_or_the_named_one(branched):
    branched.append_messages(TALK, [message("f")])
    assert read_ids(branched) == ["a", "d", "e", "f"]
    branched.append_messages(TALK, [message("g", parent_id="c")])
    assert read_ids(branched) == ["a", "b", "c", "g"]
    assert read_ids(branched, leaf_id="d") == ["a", "d", "e", "f"]
    answer = branched.append_messages(TALK, [message("g", parent_id="c")])
    assert (answer.status, answer.total_messages) == ("unchanged", 7)


def test_a_stored_message_with_another_parent_is_kept_and_named(branched):
    given = [message("a", parent_id=TALK), message("b", parent_id="a"), message("e", parent_id="b")]
    answer = branched.append_messages(TALK, given)
    assert (answer.status, answer.differing_ids) == ("unchanged", ["e"])
    answer = branched.append_messages(TALK, [message("b", parent_id=TALK), message("c")])
    assert (answer.status, answer.differing_ids) == ("unchanged", ["b"])
    assert read_ids(branched) == ["a", "d", "e"]


def test_the_first_message_can_have_alternatives(branched):
    branched.append_messages(TALK, [message("a2", parent_id=TALK), message("b2")])
    assert read_ids(branched) == ["a2", "b2"]
    assert load(branched).messages[0].parent_id == TALK
    branched.append_messages(TALK, [message("h", parent_id="e")])
    assert read_ids(branched) == ["a", "d", "e", "h"]
    branched.delete_message("a2")
    assert read_ids(branched, leaf_id="b2") == ["b2"]


def test_a_chain_of_parents_is_stored_as_one_without_parents(client, connect):
    client.append_messages(TALK, [message("a")])
    client.append_messages(TALK, [message("b", parent_id="a"), message("c", parent_id="b")])
    assert [tuple(row.values()) for row in read_nodes(client)] == [
        ("a", 0, None, None, ["b"]),
        ("b", 1, None, None, ["c"]),
        ("c", 2, None, None, []),
    ]
    assert [item.parent_id for item in load(client).messages] == [None] * 3
    assert load(client).leaf_id is None
    other = connect(namespace=f"{RUN}{uuid.uuid4().hex[:12]}")
    other.save_conversation(
        TALK, [message("a"), message("b", parent_id="a"), message("c", parent_id="b")]
    )
    assert read_nodes(other) == read_nodes(client)


def test_a_saved_tree_equals_an_appended_one(branched, connect):
    saved = [
        item.model_copy(update={"timestamp": None})
        for item in load(branched, all_branches=True).messages
    ]
    other = connect(namespace=f"{RUN}{uuid.uuid4().hex[:12]}")
    other.save_conversation(TALK, saved)
    assert read_nodes(other) == read_nodes(branched)
    assert other.save_conversation(TALK, saved).status == "unchanged"
    assert other.save_conversation(TALK, saved, replace=True).status == "unchanged"
    branched.append_messages(TALK, [message("f", parent_id="b")])
    before = dump(branched)
    assert branched.save_conversation(TALK, saved[:2]).status == "unchanged"
    assert dump(branched) == before
    assert read_ids(branched) == ["a", "b", "f"]


def test_a_save_adds_to_the_current_branch(branched):
    branched.save_conversation(TALK, [message("a"), message("f"), message("g", parent_id="f")])
    assert read_ids(branched) == ["a", "d", "e", "f", "g"]


def test_replacing_by_one_branch_removes_the_others(branched):
    kept = load(branched, leaf_id="c").messages
    assert branched.save_conversation(TALK, kept, replace=True).removed == 2
    assert [tuple(row.values()) for row in read_nodes(branched)] == [
        ("a", 0, None, None, ["b"]),
        ("b", 1, None, None, ["c"]),
        ("c", 2, None, None, []),
    ]


def test_replacing_can_move_a_message_to_another_parent(branched):
    with pytest.raises(ValidationError, match=r"^messages\.1\.parent_id: .*replace=True"):
        branched.save_conversation(TALK, [message("a"), message("e", parent_id="a")])
    rest = [message("d", parent_id="a"), message("e", parent_id="a")]
    branched.save_conversation(TALK, [message("a"), *rest], replace=True)
    assert read_ids(branched) == ["a", "e"]
    assert read_ids(branched, leaf_id="d") == ["a", "d"]


def test_the_children_of_a_deleted_message_move_to_its_parent(branched):
    branched.append_messages(TALK, [message("b2", parent_id="b")])
    branched.delete_message("b")
    assert read_ids(branched) == ["a", "b2"]
    assert read_ids(branched, leaf_id="c") == ["a", "c"]
    assert read_ids(branched, leaf_id="d") == ["a", "d", "e"]
    branched.delete_message("b2")
    assert read_ids(branched) == ["a"]
    branched.append_messages(TALK, [message("f")])
    assert read_ids(branched) == ["a", "f"]
    assert read_ids(branched, all_branches=True) == ["a", "c", "d", "e", "f"]


def test_updating_a_message_keeps_its_place(branched):
    before = read_nodes(branched)
    assert branched.update_message("d", "Another text.").changed
    assert read_nodes(branched) == before
    assert load(branched).messages[1].content == "Another text."


def test_pages_stay_in_their_branch(branched):
    first = load(branched, limit=2, leaf_id="c")
    branched.append_messages(TALK, [message("f", parent_id="b")])
    second = load(branched, limit=2, cursor=first.next_cursor)
    assert [item.id for item in (*second.messages, *first.messages)] == ["a", "b", "c"]
    assert (second.leaf_id, second.next_cursor) == ("c", None)
    assert read_ids(branched, leaf_id="e", after="a", before="e") == ["d"]
    pages, cursor = [], None
    while cursor or not pages:
        bounds = {"cursor": cursor} if cursor else {"all_branches": True}
        page = load(branched, limit=2, **bounds)
        pages, cursor = [item.id for item in page.messages] + pages, page.next_cursor
    assert pages == ["a", "b", "c", "d", "e", "f"]


def test_a_page_of_a_branch_whose_end_was_deleted_is_not_of_another_branch(branched):
    page = load(branched, limit=1, leaf_id="c")
    branched.delete_message("c")
    with pytest.raises(NotFoundError, match=r"^cursor"):
        load(branched, cursor=page.next_cursor)
    assert read_ids(branched, leaf_id="b") == ["a", "b"]


def test_an_unknown_branch_is_refused(branched):
    branched.save_conversation("other", [message("x")])
    for key in ("nothing", "x"):
        with pytest.raises(NotFoundError, match=r"^leaf_id"):
            load(branched, leaf_id=key)
    with pytest.raises(ValidationError, match=r"^leaf_id"):
        load(branched, leaf_id="c", all_branches=True)
    with pytest.raises(ValidationError, match=r"^cursor"):
        load(branched, cursor=load(branched, limit=1).next_cursor, leaf_id="c")


BAD_PARENTS = {
    "unknown": [message("x", parent_id="nothing")],
    "of another conversation": [message("x", parent_id="other-1")],
    "itself": [message("x", parent_id="x")],
    "a cycle": [message("x", parent_id="y"), message("y", parent_id="x")],
    "later in the list": [message("x", parent_id="y"), message("y", parent_id="a")],
    "no text": [message("x", parent_id=7)],
    "empty": [message("x", parent_id="")],
}


@pytest.mark.parametrize("case", BAD_PARENTS)
@pytest.mark.parametrize("call", ["append_messages", "save_conversation"])
def test_a_bad_parent_is_refused_and_nothing_changes(branched, call, case):
    branched.save_conversation("other", [message("other-1")])
    before = dump(branched)
    with pytest.raises(ValidationError, match=r"messages\.0\.parent_id"):
        getattr(branched, call)(TALK, BAD_PARENTS[case])
    with pytest.raises(ValidationError, match=r"messages\.0\.parent_id"):
        getattr(branched, call)("new", BAD_PARENTS[case])
    assert dump(branched) == before


def test_a_list_without_ids_is_refused(branched):
    before = dump(branched)
    with pytest.raises(ValidationError, match=r"^messages\.0\.id: "):
        branched.save_conversation(TALK, [{"role": "user", "content": "Text a."}])
    assert dump(branched) == before
    added = branched.append_messages(TALK, [{"role": "user", "content": "No id."}]).created_ids
    assert read_ids(branched) == ["a", "d", "e", *added]


def test_neighbors_of_a_result_are_from_its_branch(client):
    talk = [
        message("a", "Which train goes to Vienna?"),
        message("b", "The first one leaves early.", parent_id="a"),
        message("c", "It has a dining car.", parent_id="b"),
        message("d", "The zeppelin flies instead.", parent_id="a"),
        message("e", "Its cabin is warm.", parent_id="d"),
    ]
    client.save_conversation(TALK, talk, mode="knowledge")  # only keywords find a message
    found = client.search_hybrid("zeppelin", limit=20, explain=True).results
    assert {item.id for item in found if item.type == "message"} == {"a", "d", "e"}
    client.append_messages(TALK, [message("f", "The zeppelin lands.", parent_id="c")])
    found = client.search_hybrid("dining car", limit=20, explain=True).results
    paths = {item.id: item.explanation["path"]["steps"] for item in found if item.type == "message"}
    assert paths == {"a": 2, "b": 1, "c": 0, "f": 1}


class Model:
    """What a conversation with branches holds: parents, the order, and the chosen children."""

    def __init__(self):
        self.parents, self.chosen = {}, {}

    def add(self, key, parent):
        self.parents[key] = parent
        while key is not None:
            self.chosen[self.parents[key]] = key
            key = self.parents[key]

    def delete(self, key):
        parent, chosen = self.parents.pop(key), self.chosen.pop(key, None)
        for child in [child for child, owner in self.parents.items() if owner == key]:
            self.parents[child] = parent
        if self.chosen.get(parent) == key:
            self.chosen[parent] = chosen

    def current_leaf(self):
        leaf = None
        while self.chosen.get(leaf):
            leaf = self.chosen[leaf]
        return leaf

    def branch(self, key):
        keys = []
        while key is not None:
            keys.insert(0, key)
            key = self.parents[key]
        while keys and self.chosen.get(keys[-1]):
            keys.append(self.chosen[keys[-1]])
        return keys


steps = st.lists(
    st.tuples(
        st.sampled_from(["append", "append", "branch", "several", "save", "delete"]),
        st.integers(0, 99),
    ),
    min_size=4,
    max_size=12,
)


class History:
    """Takes steps with a client and with a model; a step names messages by a number."""

    def __init__(self, client):
        self.client, self.model = client, Model()

    def choose(self, choice):
        keys = [*self.model.parents]
        return keys[choice % len(keys)] if keys else None

    def append(self, key, _):
        self.client.append_messages(TALK, [message(key)])
        self.model.add(key, self.model.current_leaf())

    def branch(self, key, choice):
        self.client.append_messages(TALK, self.add_some(key, [choice]))

    def several(self, key, choice):
        self.client.append_messages(TALK, self.add_some(key, [choice, choice // 3, choice // 9]))

    def save(self, key, choice):
        stored = load(self.client, all_branches=True).messages
        added = self.add_some(key, [choice, choice // 2])
        self.client.save_conversation(TALK, [*stored, *added])

    def delete(self, _, choice):
        if key := self.choose(choice):
            self.client.delete_message(key)
            self.model.delete(key)

    def add_some(self, key, choices):
        added = []
        for part, choice in enumerate(choices):
            parent = self.choose(choice)
            added.append(message(f"{key}-{part}", parent_id=parent or TALK))
            self.model.add(f"{key}-{part}", parent)
        return added


def assert_equals_model(client, model):
    assert read_ids(client) == model.branch(model.current_leaf())
    for key in model.parents:
        assert read_ids(client, leaf_id=key) == model.branch(key)
    rows = read_nodes(client)
    by_position = {row["position"]: row["id"] for row in rows}
    assert len(by_position) == len(rows) == len(model.parents)
    for position, key in by_position.items():  # neighboring positions are of one branch
        if follower := by_position.get(position + 1):
            assert model.parents[follower] == key


@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=steps)
def test_random_branches_equal_a_plain_model(connect, steps):
    history = History(connect(namespace=f"{RUN}{uuid.uuid4().hex[:12]}"))
    history.append("root", 0)
    for number, (step, choice) in enumerate(steps):
        getattr(history, step)(f"m{number}", choice)
    assert_equals_model(history.client, history.model)
    stored = load(history.client, all_branches=True).messages
    if stored:  # the same tree in one list, whose last message ends the current branch
        copy, again = connect(namespace=f"{RUN}{uuid.uuid4().hex[:12]}"), Model()
        for item in stored:
            again.add(item.id, history.model.parents[item.id])
        copy.save_conversation(TALK, stored)
        assert_equals_model(copy, again)
        assert copy.save_conversation(TALK, stored, replace=True).status == "unchanged"
        assert_equals_model(copy, again)
