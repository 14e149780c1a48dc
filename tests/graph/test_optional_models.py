"""A cross-encoder and a GLiNER model through the client."""

import shutil
from pathlib import Path

import neo4j
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import NLPError, SearchError, ValidationError
from mcp_context_persistence.ingest.extraction import gliner as gliner_recognizer
from mcp_context_persistence.ingest.models.cross_encoder import CrossEncoder
from mcp_context_persistence.kg.extras import install_command
from mcp_context_persistence.models import HybridSearchParams

ONLY = {"content_types": "message"}
MENTIONED = (
    "MATCH (:Message {namespace: $namespace})-[m:MENTIONS]->(e) "
    "RETURN e.id AS id, m.extractor AS extractor, m.confidence AS confidence"
)
QUERY = "what did we decide about the parser?"
SAID = [
    "The parser is slow, what shall we do?",
    "We rewrite the parser in Rust.",
    "Bob likes beans.",
    "The lexer stays as it is.",
    "Ann will measure the parser again on Monday.",
    "It rained in Vienna.",
]


@pytest.fixture
def connect(server, namespace):
    opened = []

    def connect(**config):
        opened.append(
            ContextPersistenceClient(
                server.bolt_url, auth=server.auth, namespace=namespace, config=config
            )
        )
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def talk(client):
    messages = [
        {"id": f"m{place}", "role": "user", "content": text} for place, text in enumerate(SAID)
    ]
    client.save_conversation("talk", messages)
    return client


def search(client, recipe="precise", **options):
    return client.search_hybrid(QUERY, filters=ONLY, recipe=recipe, **options).results


def told(results):
    return [(one.id, one.similarity_score, one.explanation) for one in results]


def test_a_cross_encoder_reads_the_best_messages_again(talk, connect, cross_encoder_folder):
    client = connect(cross_encoder_model=cross_encoder_folder)
    found, plain = search(client), search(talk)
    expected = CrossEncoder(str(cross_encoder_folder)).score(QUERY, [one.content for one in found])
    assert {one.id for one in found} == {one.id for one in plain}
    for one, score in zip(found, expected, strict=True):
        judged, ranking = one.explanation["cross_encoder"], one.explanation["ranking"]
        assert judged["score"] == pytest.approx(score, abs=1e-5)
        assert judged["rank"] == 1 + sum(other > score + 1e-6 for other in expected)
        assert sum(ranking["parts"].values()) == pytest.approx(ranking["score"])
        assert 0 <= one.similarity_score <= 1
    assert all("cross_encoder" not in one.explanation for one in plain)
    strong = search(client, {"base": "precise", "weights": {"cross_encoder": 10}})
    assert [one.id for one in strong] != [one.id for one in plain]
    few = search(client, {"rerank_top_k": 2})
    assert sum("cross_encoder" in one.explanation for one in few) == 2


def test_it_is_read_by_those_recipes_that_want_it(talk, connect, cross_encoder_folder):
    client = connect(cross_encoder_model=str(cross_encoder_folder))
    for recipe in (
        "balanced",
        "fast",
        "exploratory",
        {"base": "precise", "weights": {"cross_encoder": 0}},
    ):
        assert told(search(client, recipe)) == told(search(talk, recipe))
    for mode in ("semantic", "keyword", "graph"):
        assert told(search(client, mode=mode)) == told(search(talk, mode=mode))
    asked = HybridSearchParams(query=QUERY, filters=ONLY, recipe="precise")
    assert told(client.search_hybrid(asked).results) == told(search(client))
    assert client.build_context(
        QUERY, recipe={"base": "precise", "weights": {"cross_encoder": 10}}
    ).citations


def test_a_missing_model_is_an_error_of_the_search_that_needs_it(talk, connect):
    client = connect(cross_encoder_model="/nowhere")
    client.configure_cache("memory")
    assert told(search(client, "balanced")) == told(search(talk, "balanced"))
    for call in (search, lambda one: one.build_context(QUERY, recipe="precise")):
        with pytest.raises(SearchError, match="cross_encoder_model"):
            call(client)
    assert search(talk)  # without one, the recipe does without
    with pytest.raises(ValidationError, match=r"recipe\.rerank_top_k needs a cross-encoder"):
        search(talk, {"rerank_top_k": 5})
    with pytest.raises(
        ValidationError, match=r"recipe\.rerank_top_k must be a whole number from 0 to 100"
    ):
        search(client, {"rerank_top_k": 101})


def test_another_model_under_the_same_name_has_answers_of_its_own(
    talk, connect, cross_encoder_folder, tmp_path
):
    """Two processes may share a cache; what the name means to each of them is in the key."""
    from mcp_context_persistence.runtime.language_models import shared_cross_encoder

    folder, counts = tmp_path / "judge", []
    shutil.copytree(
        cross_encoder_folder, folder, copy_function=lambda source, to: Path(to).symlink_to(source)
    )
    for changed in (False, False, True):
        if changed:
            (folder / "added.json").write_text("{}")
            shared_cross_encoder.cache_clear()  # as a new process would have it
        client = connect(cross_encoder_model=folder)
        client.configure_cache("file", directory=tmp_path / "answers")
        search(client)
        counts.append(client._engine.cache.responses.counts["hits"])
    assert counts == [0, 1, 0]


gliner = pytest.mark.skipif(
    not gliner_recognizer.is_installed(),
    reason=f"NO GLINER HERE: {install_command('gliner')}; it is not tested through the client",
)


@gliner
def test_a_gliner_model_adds_entities_that_are_stored_with_its_scores(
    server, client, connect, gliner_folder
):
    text = "Ada Lovelace worked with Charles Babbage in London."
    plain = client.extract_entities(text, store=False)
    reading = connect(gliner_model=gliner_folder, gliner_labels=["board_game"])
    before = reading.get_memory_stats().parts.models
    found = reading.extract_entities(text)
    assert {(one.id, one.type) for one in found.entities} != {
        (one.id, one.type) for one in plain.entities
    }
    assert all(0 <= one.confidence <= 1 for one in found.entities)
    assert reading.get_memory_stats().parts.models > before
    saved = reading.save_conversation("c", [{"role": "user", "content": text}])
    assert saved.entities_found == len(found.entities)
    with neo4j.GraphDatabase.driver(server.bolt_url, auth=server.auth) as driver:
        told = driver.execute_query(MENTIONED, namespace=reading.namespace).records
    assert any(one["extractor"].startswith("gliner:") for one in told)
    known = {one.id: one.confidence for one in found.entities}
    assert all(
        one["confidence"] == pytest.approx(known[one["id"]])
        for one in told
        if one["extractor"].startswith("gliner:")
    )
    cleaned = reading.cleanup_memory()
    assert cleaned.after.parts.models < cleaned.before.parts.models
    assert reading.batch_extract_entities([text], store=False)[0].total_entities == len(
        found.entities
    )


@gliner
def test_a_missing_gliner_model_is_an_error_of_the_call(connect):
    client = connect(gliner_model="/nowhere")
    for call in (
        lambda: client.extract_entities("Ada lives."),
        lambda: client.save_conversation("c", [{"role": "user", "content": "Ada lives."}]),
    ):
        with pytest.raises(NLPError, match="gliner_model"):
            call()
    assert client.save_conversation(
        "c", [{"role": "user", "content": "Ada lives."}], mode="conversation"
    ).success
