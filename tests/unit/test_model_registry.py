"""Models that are loaded when they are first used."""

import gc
import threading
import time
import weakref

import pytest

from mcp_context_persistence.ingest.models import registry


def lazy(loads, *, lasting):
    def load():
        loads.append(threading.get_ident())
        time.sleep(0.05)
        return bytearray(100)

    return registry.Lazy(load, len, is_permanent=lasting)


@pytest.mark.parametrize("lasting", [True, False])
def test_a_model_is_loaded_once_by_whoever_is_first_and_counts(lasting):
    loads, used = [], []
    model = lazy(loads, lasting=lasting)
    assert model.model_bytes == 0

    def use(model):
        with model.using() as loaded:
            used.append((time.monotonic(), id(loaded)))
            time.sleep(0.01)
            used.append((time.monotonic(), id(loaded)))

    threads = [threading.Thread(target=use, args=(model,)) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(loads) == 1
    assert len({which for _, which in used}) == 1
    assert used == sorted(used)  # nobody had it while another one did
    assert model.model_bytes == 100
    assert model in registry.list_holders()
    assert registry.sum_model_bytes() >= 100
    known = weakref.ref(model)
    del model, threads, one
    gc.collect()
    assert known() is None  # nobody keeps it alive


def test_freeing_memory_lets_go_of_what_does_not_last_and_a_call_keeps_what_it_has():
    loads = []
    lasting, passing = lazy(loads, lasting=True), lazy(loads, lasting=False)
    with lasting.using() as one, passing.using() as other:
        registry.free_all()
        assert (len(one), len(other)) == (100, 100)
        assert (lasting.model_bytes, passing.model_bytes) == (100, 0)
    with lasting.using(), passing.using():
        assert len(loads) == 3
        assert passing.model_bytes == 100


def test_a_model_that_could_not_be_loaded_is_tried_again():
    tries = []

    def load():
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not there yet")
        return b"x"

    model = registry.Lazy(load, len)
    with pytest.raises(OSError, match="not there yet"), model.using():
        pass
    with model.using() as loaded:
        assert loaded == b"x"
