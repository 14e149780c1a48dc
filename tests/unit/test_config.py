"""Settings: their names everywhere, which source wins, units, and what is refused."""

import inspect
import os
import re
from pathlib import Path

import pytest
import yaml

from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.config.argument_defaults import UNSET, unset_defaults
from mcp_context_persistence.runtime.config.settings import HIDDEN, Config, load_config
from mcp_context_persistence.runtime.config.sources import key_of, variables_of

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = Path(
    os.environ.get("CONTEXT_REFERENCE", ROOT.parent / "shared/reference/python-sdk.md")
)

# Field: environment variables, key in the file, a value as it is written, and what it means.
SETTINGS = {
    "database_url": (
        ["CONTEXT_STORE", "CONTEXT_DB_URL", "NEO4J_URI", "DATABASE_URL"],
        "database.url",
        "bolt://host:7687",
        "bolt://host:7687",
    ),
    "database_user": (
        ["CONTEXT_DB_USER", "NEO4J_USERNAME", "NEO4J_USER"],
        "database.user",
        "reader",
        "reader",
    ),
    "database_password": (
        ["CONTEXT_DB_PASSWORD", "NEO4J_PASSWORD"],
        "database.password",
        "s3cret",
        HIDDEN,
    ),
    "database_name": (["CONTEXT_DB_NAME", "NEO4J_DATABASE"], "database.name", "orders", "orders"),
    "credentials_file": (
        ["CONTEXT_DB_CREDENTIALS_FILE"],
        "database.credentials_file",
        "aura.txt",
        "aura.txt",
    ),
    "pool_size": (["CONTEXT_DB_POOL_SIZE"], "database.pool_size", "7", 7),
    "max_overflow": (["CONTEXT_DB_MAX_OVERFLOW"], "database.max_overflow", "0", 0),
    "deadline": ([], "database.deadline", "2m", 120.0),
    "default_mode": ([], "database.default_mode", "knowledge", "knowledge"),
    "echo": ([], "database.echo", "true", True),
    "vector_db_url": (
        ["VECTOR_DB_URL"],
        "vector_db.url",
        "http://key:word@localhost:6333",
        f"http://{HIDDEN}@localhost:6333",
    ),
    "vector_db_api_key": (["VECTOR_DB_API_KEY"], "vector_db.api_key", "k3y", HIDDEN),
    "vector_collection_name": (
        ["VECTOR_COLLECTION_NAME"],
        "vector_db.collection_name",
        "context_vectors",
        "context_vectors",
    ),
    "vector_size": (["VECTOR_SIZE"], "vector_db.vector_size", "768", 768),
    "distance_metric": ([], "vector_db.distance_metric", "Cosine", "cosine"),
    "language": (["CONTEXT_LANGUAGE"], "nlp.language", "DE", "de"),
    "spacy_model": (["SPACY_MODEL"], "nlp.spacy_model", "en_core_web_md", "en_core_web_md"),
    "sentence_transformer_model": (
        ["SENTENCE_TRANSFORMER_MODEL"],
        "nlp.sentence_transformer_model",
        "other",
        "other",
    ),
    "cross_encoder_model": (
        ["CROSS_ENCODER_MODEL"],
        "nlp.cross_encoder_model",
        "/models/judge",
        "/models/judge",
    ),
    "gliner_model": (
        ["GLINER_MODEL"],
        "nlp.gliner_model",
        "urchade/gliner_small-v2.1",
        "urchade/gliner_small-v2.1",
    ),
    "gliner_labels": (
        ["GLINER_LABELS"],
        "nlp.gliner_labels",
        "disease, board_game,disease",
        ("disease", "board_game"),
    ),
    "entity_extraction_threshold": (
        ["ENTITY_EXTRACTION_THRESHOLD"],
        "nlp.entity_extraction_threshold",
        "0.7",
        0.7,
    ),
    "max_entities_per_text": ([], "nlp.max_entities_per_text", "50", 50),
    "default_search_limit": (["DEFAULT_SEARCH_LIMIT"], "search.default_limit", "20", 20),
    "min_similarity_score": (["MIN_SIMILARITY_SCORE"], "search.min_similarity_score", "0.5", 0.5),
    "max_search_results": (["MAX_SEARCH_RESULTS"], "search.max_results", "90", 90),
    "enable_hybrid_search": ([], "search.enable_hybrid_search", "false", False),
    "max_conversation_length": (
        ["MAX_CONVERSATION_LENGTH"],
        "performance.max_conversation_length",
        "500",
        500,
    ),
    "batch_size": (["BATCH_SIZE"], "performance.batch_size", "100", 100),
    "cache_size": (["CACHE_SIZE"], "performance.cache_size", "10", 10),
    "cache_ttl": (["CACHE_TTL"], "performance.cache_ttl", "30s", 30.0),
    "max_memory_usage": (
        ["MAX_MEMORY_USAGE"],
        "performance.max_memory_usage",
        "2GB",
        2_000_000_000,
    ),
    "enable_parallel_processing": ([], "performance.enable_parallel_processing", "false", False),
    "log_level": (["LOG_LEVEL"], "logging.level", "debug", "DEBUG"),
    "log_format": (["LOG_FORMAT"], "logging.format", "JSON", "json"),
    "log_file": (
        ["LOG_FILE"],
        "logging.file",
        "context_persistence.log",
        "context_persistence.log",
    ),
    "log_max_size": ([], "logging.max_size", "2MB", 2_000_000),
    "log_backup_count": ([], "logging.backup_count", "3", 3),
}
# The strongest last.
SOURCES = ("file", ".env", "environment", "constructor")


@pytest.fixture(autouse=True)
def _bare(tmp_path, monkeypatch):
    """A working directory with a file of credentials, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("aura.txt", "99"):
        Path(name).write_text("NEO4J_DATABASE=orders\n")
    for name in [*(variable for row in SETTINGS.values() for variable in row[0]), "CONTEXT_CONFIG"]:
        monkeypatch.delenv(name, raising=False)


def write(content, path="config.yaml"):
    Path(path).write_text(
        content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8"
    )


def shown(field, **arguments):
    return load_config(**arguments).shown()[field]


def test_the_table_of_this_test_is_complete():
    assert {
        name: (variables_of(field), key_of(field)) for name, field in Config.model_fields.items()
    } == {name: row[:2] for name, row in SETTINGS.items()}


def test_the_names_of_the_reference_are_all_known():
    if not REFERENCE.is_file():
        pytest.skip(f"LOUD: the reference is not at {REFERENCE}")
    text = REFERENCE.read_text()
    variables = re.search(r"### Environment Variables\n\n```bash\n(.*?)```", text, re.DOTALL)
    file = re.search(r"### Configuration File.*?```yaml\n(.*?)```", text, re.DOTALL)
    names = set(re.findall(r"^([A-Z_]+)=", variables[1], re.MULTILINE))
    assert names <= {variable for row in SETTINGS.values() for variable in row[0]}
    Path(".env").write_text(variables[1])
    write(file[1])
    made = load_config()
    assert (made.pool_size, made.batch_size, made.log_format, made.log_max_size) == (
        10,
        100,
        "json",
        100_000_000,
    )
    assert made.entity_extraction_threshold == 0.7
    assert made.max_entities_per_text == 50


@pytest.mark.parametrize(
    ("field", "variable"),
    [(name, variable) for name, row in SETTINGS.items() for variable in row[0]],
)
def test_every_variable_is_read(field, variable, monkeypatch):
    _, _, written, meant = SETTINGS[field]
    Path(".env").write_text(f"{variable}='{written}'\n")
    assert shown(field) == meant
    Path(".env").unlink()
    monkeypatch.setenv(variable, written)
    assert shown(field) == meant
    monkeypatch.setenv(variable, "")
    assert shown(field) == Config.model_fields[field].default


@pytest.mark.parametrize("field", SETTINGS)
def test_every_key_is_read_from_the_file(field):
    _, key, written, meant = SETTINGS[field]
    section, name = key.split(".")
    write({section: {name: yaml.safe_load(written)}})  # as numbers and booleans
    assert shown(field) == meant
    write({section: {name: written}})
    assert shown(field) == meant
    write({section: {name: None}})
    assert shown(field) == Config.model_fields[field].default
    write({section: None})
    assert shown(field) == Config.model_fields[field].default


@pytest.mark.parametrize("field", SETTINGS)
def test_every_key_works_in_the_argument(field):
    assert shown(field, config={field: SETTINGS[field][2]}) == SETTINGS[field][3]


@pytest.mark.parametrize("winner", range(1, 4))
def test_the_order_of_the_sources(winner, monkeypatch):
    """For every variable: each source beats all before it."""
    given, file = {}, {}
    dotenv = Path(".env")
    lines = []
    for field, (variables, key, written, _) in SETTINGS.items():
        if not variables:
            continue
        other = Config.model_fields[field].default
        weak = (
            str(other)
            if other is not None
            else {"MIN_SIMILARITY_SCORE": "0.9"}.get(variables[0], "99")
        )
        values = [written if place == winner else weak for place in range(4)]
        section, name = key.split(".")
        file.setdefault(section, {})[name] = values[0]
        lines.append(f"{variables[0]}='{values[1]}'")
        if winner >= 2:
            monkeypatch.setenv(variables[0], values[2])
        if winner >= 3:
            given[field] = values[3]
    write(file)
    dotenv.write_text("\n".join(lines))
    effective = load_config(given).shown()
    for field, (variables, _, _, meant) in SETTINGS.items():
        if variables:
            assert effective[field] == meant, (field, SOURCES[winner])


MODELS = ("spacy_model", "sentence_transformer_model", "cross_encoder_model", "gliner_model")


@pytest.mark.parametrize("field", MODELS)
@pytest.mark.parametrize("given", ["", "  ", "\t", "a\nb", "a\0b", "x" * 513, 7, b"a"])
def test_a_wrong_model_name_is_refused_in_every_source(field, given, monkeypatch):
    with pytest.raises(ValidationError, match=rf"^config\.{field}: "):
        load_config({field: given})
    if isinstance(given, str) and "\0" not in given:
        write({"nlp": {field: given}})
        with pytest.raises(ValidationError, match=rf"^{field}: .*nlp\.{field} in config\.yaml"):
            load_config()
        Path("config.yaml").unlink()
    if given == "  ":
        monkeypatch.setenv(field.upper(), given)
        with pytest.raises(ValidationError, match=rf"{field.upper()} in the environment"):
            load_config()


def test_a_model_may_be_a_path():
    assert load_config(
        {"cross_encoder_model": Path("models") / "judge"}
    ).cross_encoder_model == str(Path("models/judge"))


@pytest.mark.parametrize(
    "given",
    [
        "",
        " , ",
        [],
        ["a", ""],
        ["1a"],
        "a,b;c",
        [7],
        {"a": 1},
        7,
        [f"t{number}" for number in range(31)],
    ],
)
def test_labels_must_be_entity_types(given):
    with pytest.raises(ValidationError, match=r"^config\.gliner_labels: "):
        load_config({"gliner_labels": given})
    assert load_config(
        {"gliner_labels": [f"t{number}" for number in range(limits.GLINER_LABELS)]}
    ).gliner_labels


def test_context_db_url_wins_over_database_url(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "bolt://first:1")
    assert load_config().database_url == "bolt://first:1"
    monkeypatch.setenv("CONTEXT_DB_URL", "bolt://second:2")
    assert load_config().database_url == "bolt://second:2"
    monkeypatch.delenv("CONTEXT_DB_URL")
    Path(".env").write_text("CONTEXT_DB_URL=bolt://third:3\n")
    assert (
        load_config().database_url == "bolt://first:1"
    )  # the environment goes before .env, whatever the name


def test_arguments_of_the_constructor_win_over_its_config():
    made = load_config(
        {"database_url": "bolt://a:1", "spacy_model": "a"},
        database_url="bolt://b:2",
        spacy_model=None,
    )
    assert (made.database_url, made.spacy_model) == ("bolt://b:2", "a")


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_unknown_and_wrong_variables_are_refused_with_a_hint(place, monkeypatch):
    def put(name, value):
        if place == ".env":
            Path(".env").write_text(f"{name}={value}\n")
        else:
            monkeypatch.setenv(name, value)

    put("SOMEBODY_ELSES", "1")
    load_config()
    put("CONTEXT_DB_POOLSIZE", "s3cret")
    with pytest.raises(ValidationError, match="did you mean CONTEXT_DB_POOL_SIZE") as caught:
        load_config()
    assert "s3cret" not in str(caught.value)
    monkeypatch.delenv("CONTEXT_DB_POOLSIZE", raising=False)
    put("MAX_SEARCH_RESULTS", "s3cret")
    with pytest.raises(
        ValidationError, match="max_search_results comes from MAX_SEARCH_RESULTS in"
    ) as caught:
        load_config()
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in str(caught.value.__cause__)


def test_a_file_that_is_not_text_is_refused():
    Path(".env").write_bytes(b"CONTEXT_DB_USER=\xff\xfe")
    with pytest.raises(ValidationError, match=r"\.env"):
        load_config()


def test_left_out_arguments_are_unset_and_the_signature_has_the_documented_defaults():
    @unset_defaults("limit", "mode")
    def search(query, limit=5, *, mode="hybrid", explain=False):
        return query, limit, mode, explain

    assert search("x") == ("x", UNSET, UNSET, False)
    assert search("x", 5, mode="hybrid") == ("x", 5, "hybrid", False)
    assert str(inspect.signature(search)) == "(query, limit=5, *, mode='hybrid', explain=False)"
    parameters = inspect.signature(ContextPersistenceClient.search_similar_conversations).parameters
    assert (str(parameters["limit"]), str(parameters["min_score"])) == (
        "limit: int = 5",
        "min_score: float = 0.7",
    )


def test_the_documentation_lists_the_settings_of_the_code():
    page = (ROOT / "docs/configuration.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*?) \| `([a-z_.]+)` \| (.*?) \|", page, re.MULTILINE)
    found = {
        name: (re.findall(r"`([A-Z0-9_]+)`", variables), key, default.strip("`"))
        for name, variables, key, default in rows
    }
    assert found == {
        name: (
            variables_of(field),
            key_of(field),
            f"{field.default:,}".replace(".0", "")
            if type(field.default) in (int, float) and field.default
            else str(field.default),
        )
        for name, field in Config.model_fields.items()
    }


def test_a_wrong_setting_is_named_by_the_argument_that_it_came_in():
    with pytest.raises(ValidationError, match=r"^config\.deadline: must be greater than 0$"):
        load_config({"deadline": 0})
    with pytest.raises(ValidationError, match=r"^database_url: must be a valid string$"):
        load_config({"deadline": 5}, database_url=7)
