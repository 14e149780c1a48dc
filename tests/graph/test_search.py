"""Searches through the client: what is found, what filters leave out, and what no query can do."""

from dataclasses import replace

import numpy as np
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.models import HybridSearchParams
from tests.graph.talks import ids, talk

__all__ = ["talk"]


def test_hybrid_finds_by_meaning_words_and_neighbours(talk):
    answer = talk.search_hybrid("pottery class")
    assert answer.results[0].id == "p0"
    assert answer.results[0].message_id == "p0"
    assert answer.results[0].conversation_id == "pottery"
    assert {"vector", "keyword"} <= answer.results[0].explanation.keys()
    assert answer.results[0].explanation["keyword"]["rank"] == 1
    assert "p1" in ids(answer)
    scores = [one.similarity_score for one in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_both_calling_styles_are_the_same(talk):
    params = HybridSearchParams(
        query="pottery", mode="keyword", filters={"role": "user"}, limit=3, include_metadata=True
    )
    keywords = talk.search_hybrid(
        "pottery", mode="keyword", filters={"role": "user"}, limit=3, include_metadata=True
    )
    assert talk.search_hybrid(params).results == keywords.results
    for keyword in ("mode", "filters", "limit", "include_metadata"):
        with pytest.raises(ValidationError, match="not both"):
            talk.search_hybrid(params, **{keyword: np.array([1, 2])})
    with pytest.raises(ValidationError, match="query"):
        talk.search_hybrid(HybridSearchParams.model_construct())  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="include_metadata"):
        talk.search_hybrid(
            HybridSearchParams.model_construct(query="pottery", include_metadata="false")
        )
    with pytest.raises(ValidationError, match="include_metadata"):
        talk.search_similar_conversations("pottery", include_metadata=np.array([1, 2]))


def test_semantic_is_the_raw_cosine(talk):
    answer = talk.search_hybrid(
        "Python code analysis", mode="semantic", filters={"content_types": "message"}
    )
    vectors = talk._engine.embeddings.newest.embed(
        ["Python code analysis", "Analyze this Python code"]
    )
    assert answer.results[0].id == "f0"
    assert answer.results[0].similarity_score == pytest.approx(
        float(vectors[0] @ vectors[1]), abs=1e-4
    )


def test_keyword_finds_words_and_only_them(talk):
    answer = talk.search_hybrid("bowls", mode="keyword")
    assert ids(answer) == ["p2"]
    assert answer.results[0].similarity_score == pytest.approx(1.0)


def test_graph_goes_from_what_is_named_to_what_mentions_it(talk):
    answer = talk.search_hybrid("what uses pandas?", mode="graph")
    assert answer.results[0].id == "pandas"
    assert "f1" in ids(answer)
    assert (
        "pandas"
        in next(one for one in answer.results if one.id == "f1").explanation["graph"]["through"]
    )
    assert talk.search_hybrid("nothing that is known", mode="graph").results == []


def test_an_entity_that_is_named_comes_first_and_does_not_crowd_messages_out(talk):
    answer = talk.search_hybrid("pandas")
    assert (answer.results[0].type, answer.results[0].id) == ("entity", "pandas")
    assert ids(talk.search_hybrid("Who signed up for a pottery class?"))[0] == "p0"


def test_decisions_and_conversations_are_found(talk):
    talk.save_decision(
        "frames", "architecture", "Two ways to read files", "Stream them with generators"
    )
    answer = talk.search_hybrid(
        "stream files with generators", filters={"content_types": "decision"}
    )
    assert [one.type for one in answer.results] == ["decision"]
    assert "conversation" in {
        one.type for one in talk.search_hybrid("clay hobbies", mode="keyword").results
    }


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"conversation_id": "pottery"}, {"p0", "p1", "p2"}),
        ({"conversation_id": ["frames", "missing"]}, {"f0", "f1"}),
        ({"role": "assistant"}, {"p1", "f1"}),
        ({"role": ["assistant", "user"], "conversation_id": "frames"}, {"f0", "f1"}),
        ({"project": "hobbies"}, {"p0", "p1", "p2"}),
        ({"project": ["data-pipeline"]}, {"f0", "f1"}),
        ({"tags": ["clay", "missing"]}, {"p0", "p1", "p2"}),
        ({"tags": "missing"}, set()),
        ({"metadata.team": "blue"}, {"p0", "p1", "p2"}),
        ({"metadata.team": "red"}, {"f0"}),
        ({"metadata.n": 3}, {"f0"}),
        ({"metadata.n": "4"}, set()),
        ({"date_range": {"start": "2024-03-01", "end": "2024-03-01"}}, {"p0", "p1", "p2"}),
        (
            {"date_range": {"start": "2024-03-01T10:01:00", "end": "2024-06-30T00:00:00"}},
            {"p1", "p2", "f1"},
        ),
        ({"date_range": {"end": "2024-02-29"}}, set()),
        ({"entity_types": "library"}, {"f1"}),
        ({"entity_types": ["library"], "role": "user"}, set()),
        ({"confidence_min": 1.0}, {"p0", "p1", "p2", "f0", "f1"}),
        ({"conversation_id": [f"c{n}" for n in range(99)] + ["pottery"]}, {"p0", "p1", "p2"}),
    ],
)
def test_filters_hold_in_every_mode(talk, filters, expected):
    query = "pottery class make bowl design analyze python code pandas data frames"
    for mode in ("hybrid", "semantic", "keyword", "graph"):
        found = talk.search_hybrid(
            query, mode=mode, filters={**filters, "content_types": "message"}, limit=50
        )
        assert set(ids(found)) <= expected, mode
        if mode in {"hybrid", "semantic"}:
            assert set(ids(found)) == expected, mode


def test_content_types_narrow_and_conversation_covers_messages(talk):
    query = "python code pandas hobbies"
    assert {
        one.type for one in talk.search_hybrid(query, filters={"content_types": "entity"}).results
    } == {"entity"}
    assert {
        one.type
        for one in talk.search_hybrid(query, filters={"content_types": "conversation"}).results
    } == {
        "message",
        "conversation",
    }
    assert talk.search_hybrid(query, filters={"content_types": "document"}).results == []


def test_confidence_holds_for_entities(talk):
    talk.update_knowledge_graph(
        [
            {"id": "surely", "type": "tool", "confidence": 0.9},
            {"id": "maybe", "type": "tool", "confidence": 0.2},
        ],
        [],
    )
    for mode in ("hybrid", "semantic", "keyword", "graph"):
        found = talk.search_hybrid(
            "surely maybe",
            mode=mode,
            filters={"content_types": "entity", "confidence_min": 0.5},
            limit=50,
        )
        assert "surely" in ids(found)
        assert "maybe" not in ids(found)


def test_metadata_comes_as_it_was_given_when_asked_for(talk):
    given = talk.search_hybrid(
        "Analyze this Python code", filters={"content_types": "message"}, include_metadata=True
    ).results[0]
    assert (given.id, given.metadata) == ("f0", {"team": "red", "n": 3})
    assert talk.search_hybrid("Analyze this Python code").results[0].metadata is None


def test_similar_conversations_come_with_their_best_messages(talk):
    answer = talk.search_similar_conversations("Python code analysis")
    assert [one.conversation_id for one in answer.results] == ["frames"]
    assert answer.results[0].messages[0].content == "Analyze this Python code"
    assert answer.results[0].similarity_score == answer.best_score >= 0.7


def test_a_floor_that_nothing_reaches_is_told(talk):
    answer = talk.search_similar_conversations("quantum chromodynamics", min_score=0.9)
    assert (answer.success, answer.results, answer.total_results) == (True, [], 0)
    assert 0 < answer.best_score < 0.9
    assert f"{answer.best_score:.2f}" in answer.notes[0]


def test_similar_conversations_obey_filters(talk):
    found = talk.search_similar_conversations(
        "pottery", min_score=0.0, filters={"project": "data-pipeline"}
    )
    assert [one.conversation_id for one in found.results] == ["frames"]
    both = talk.search_similar_conversations("pottery", min_score=0.0)
    assert [one.conversation_id for one in both.results] == ["pottery", "frames"]
    assert len(talk.search_similar_conversations("pottery", min_score=0.0, limit=1).results) == 1


def test_the_best_passage_counts_for_a_long_message(client):
    filler = "We talked about the weather, the garden and what to cook for dinner tonight. " * 60
    client.save_conversation(
        "long",
        [
            {
                "id": "l",
                "role": "user",
                "content": f"{filler} Volcanoes erupt when magma rises. {filler}",
            }
        ],
        mode="conversation",
    )
    answer = client.search_hybrid("why do volcanoes erupt", mode="semantic")
    assert ids(answer) == ["l"]
    assert answer.results[0].content.startswith("We talked")
    assert (
        client.search_similar_conversations("why do volcanoes erupt", min_score=0.2)
        .results[0]
        .conversation_id
        == "long"
    )


def test_a_message_is_judged_by_its_beginning_and_returned_whole(client):
    text = "Volcanoes erupt when magma rises. " * 1000
    client.save_conversation(
        "long", [{"id": "l", "role": "user", "content": text}], mode="conversation"
    )
    for mode in ("hybrid", "keyword", "semantic"):
        assert (
            client.search_hybrid("why do volcanoes erupt", mode=mode, limit=1).results[0].content
            == text
        )


def test_the_ranking_tells_what_each_feature_gave(talk):
    ranking = (
        talk.search_hybrid("pottery class", filters={"content_types": "message"})
        .results[0]
        .explanation["ranking"]
    )
    assert sum(ranking["parts"].values()) == pytest.approx(ranking["score"])
    assert ranking["parts"]["coverage"] > 0


def test_rare_matches_are_found_among_many(client):
    random = np.random.default_rng(1)
    vectors = random.standard_normal((600, 384)).astype(np.float32)
    for part in range(6):
        client.save_conversation(
            f"c{part}",
            [
                {
                    "id": f"{part}-{n}",
                    "role": "user",
                    "content": f"green apples number {part} {n}",
                    "timestamp": f"2024-0{part + 1}-01T00:00:{n % 60:02}",
                    "metadata": {"rare": n} if n == 7 else None,
                }
                for n in range(100)
            ],
            mode="conversation",
            embeddings=vectors[part * 100 : part * 100 + 100],
        )
    for mode in ("hybrid", "semantic", "keyword"):
        dated = client.search_hybrid(
            "apples",
            mode=mode,
            filters={"date_range": {"start": "2024-06-01"}, "content_types": "message"},
            limit=50,
        )
        assert len(dated.results) == 50
        assert all(one.conversation_id == "c5" for one in dated.results)
        rare = client.search_hybrid(
            "apples", mode=mode, filters={"metadata.rare": 7, "content_types": "message"}
        )
        assert set(ids(rare)) == {f"{part}-7" for part in range(6)}


def test_a_namespace_sees_nothing_of_another(talk, server, namespace):
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=f"{namespace}-other"
    ) as other:
        for mode in ("hybrid", "semantic", "keyword", "graph"):
            answer = other.search_hybrid("pottery class pandas", mode=mode)
            assert (answer.results, answer.best_score) == ([], None)
        assert other.search_similar_conversations("pottery", min_score=0.0).best_score is None
        other.save_conversation(
            "pottery",
            [{"role": "user", "content": "A pottery class of my own"}],
            mode="conversation",
        )
        assert ids(other.search_hybrid("pottery")) == ["pottery:0"]
    assert "pottery:0" not in ids(talk.search_hybrid("pottery", limit=50))


def test_servers_without_search_find_the_same(talk, old_server):
    graph = old_server._engine.graph
    now, old = replace(graph.server, dialect="25"), graph.server
    filters = (
        None,
        {"role": "user"},
        {"content_types": "message"},
        {"entity_types": "library"},
        {"date_range": {"end": "2024-05-01"}},
    )
    for mode in ("hybrid", "semantic", "keyword", "graph"):
        for one in filters:
            answers = []
            for graph._server in (now, old):
                answers.append(
                    sorted(
                        ids(
                            old_server.search_hybrid(
                                "pottery class in python", mode=mode, filters=one, limit=50
                            )
                        )
                    )
                )
            assert answers[0] == answers[1], (mode, one)
    assert [
        one.conversation_id
        for one in old_server.search_similar_conversations("pottery", min_score=0.0).results
    ] == [
        "pottery",
        "frames",
    ]
