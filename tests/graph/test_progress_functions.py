"""A caller's progress function that raises: the call raises that error, and the next one works."""

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import GraphError, ValidationError
from mcp_context_persistence.kg import local
from tests.graph.hashing_model import HashingModel, fill
from tests.graph.test_batches import conversation_of, stored

# Classes for which the library has handlers of its own, and others.
KINDS = [OSError, GraphError, ValidationError, ZeroDivisionError, KeyboardInterrupt, SystemExit]


def fail_when(error, is_due):
    """Return a progress function that raises the error when it is due."""

    def report(*progress):
        if is_due(*progress):
            raise error

    return report


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_interrupted_and_can_be_repeated(client, kind):
    batch = [conversation_of(number, size=2) for number in range(12)]
    client.configure_parallel_processing(chunk_size=4)
    error = kind("why")
    with pytest.raises(kind) as caught:
        client.batch_save_conversations(batch, progress=fail_when(error, lambda *_: True))
    assert caught.value is error
    assert all(
        len(messages) == 2 and all(vector for _, _, vector in messages)
        for messages in stored(client).values()
    )
    with pytest.raises(kind) as caught:
        client.batch_extract_entities(
            ["We use pandas."], progress=fail_when(error, lambda *_: True)
        )
    assert caught.value is error
    assert all(answer.success for answer in client.batch_save_conversations(batch))
    assert len(stored(client)) == 12


@pytest.mark.parametrize("kind", KINDS)
def test_a_migration_ends_and_can_be_continued(client, kind):
    fill(client, 3)
    error = kind("why")
    model = HashingModel(384, 2)
    with pytest.raises(kind) as caught:
        client.configure_embedding_model(
            model, wait=True, progress=fail_when(error, lambda *_: True)
        )
    assert caught.value is error
    status = client.get_embedding_status()
    assert (status.running, kind.__name__ in status.failure) == (False, True)
    assert client.configure_embedding_model(model, wait=True).migrating_to is None


@pytest.mark.parametrize("model_error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_in_the_callers_model_reaches_the_call_that_waits(client, model_error):
    class Interrupted(HashingModel):
        def encode(self, texts):
            if len(texts) > 1:
                raise model_error
            return super().encode(texts)

    fill(client, 3)
    with pytest.raises(model_error):
        client.configure_embedding_model(Interrupted(384, 2), wait=True)
    assert client.configure_embedding_model(HashingModel(384, 3), wait=True).migrating_to is None


def test_a_store_is_opened_after_the_function_failed_in_each_stage(tmp_path):
    store = tmp_path / "store"
    try:
        for stage in ("verify", "start"):
            for kind in (OSError, GraphError, KeyboardInterrupt):
                error = kind("why")
                report = fail_when(error, lambda name, *_, stage=stage: name == stage)
                with pytest.raises(kind) as caught:
                    ContextPersistenceClient(f"local:{store}", progress=report)
                assert caught.value is error
                assert local.read_status(store).clients == ()
        with ContextPersistenceClient(f"local:{store}") as client:
            assert client.get_conversation_stats().success
    finally:
        local.stop(store, force=True)
