"""Values of settings: their units, and what is refused."""

import pytest

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.config.settings import HIDDEN, Config, load_config
from mcp_context_persistence.runtime.config.sources import variables_of


@pytest.fixture(autouse=True)
def _bare(tmp_path, monkeypatch):
    """An empty working directory, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    fields = Config.model_fields.values()
    for name in [*(name for field in fields for name in variables_of(field)), "CONTEXT_CONFIG"]:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "given",
    [
        {"distance_metric": "dot"},
        {"pool_size": True},
        {"pool_size": 0},
        {"max_overflow": -1},
        {"deadline": "5y"},
        {"deadline": 0},
        {"deadline": float("nan")},
        {"deadline": float("inf")},
        {"cache_ttl": "-1s"},
        {"log_max_size": "2 parsecs"},
        {"log_max_size": True},
        {"log_level": "LOUD"},
        {"log_format": "xml"},
        {"default_mode": "all"},
        {"entity_extraction_threshold": True},
        {"min_similarity_score": 1.1},
        {"max_search_results": 101},
        {"default_search_limit": 20, "max_search_results": 10},
        {"vector_size": None},
        {"pool_sise": 1},
        {7: 1},
        {10**5000: 1},
        {"deadline": 10**400},
        [("pool_size", 1)],
        "pool_size=1",
    ],
)
def test_wrong_arguments_are_refused(given):
    with pytest.raises(ValidationError):
        load_config(given)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (5, 5.0),
        ("6", 6.0),
        ("1500 ms", 1.5),
        ("1.5s", 1.5),
        ("2m", 120.0),
        ("2min", 120.0),
        ("1H", 3600.0),
    ],
)
def test_seconds_take_units(written, seconds):
    assert load_config({"deadline": written}).deadline == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [("100MB", 10**8), ("2GB", 2 * 10**9), ("2GiB", 2**31), ("4096", 4096), (5000, 5000)],
)
def test_sizes_take_units(written, size):
    assert load_config({"log_max_size": written}).log_max_size == size


def test_secrets_are_never_shown():
    made = load_config(
        {
            "database_url": "bolt://neo4j:p@ss/w0rd@host:1",
            "database_password": "w0rd",
            "vector_db_api_key": "w0rd",
        },
        vector_db_url="http://w0rd@host",
    )
    assert (
        "w0rd" not in f"{made!r} {made} {made.shown()} "
        f"{made.model_dump_json(exclude={'database_url', 'vector_db_url'})}"
    )
    assert made.shown()["database_url"] == f"bolt://{HIDDEN}@host:1"
