"""Settings: constructor over environment over `.env` over configuration file over the defaults that stand here."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ByteSize, Field, SecretStr
from pydantic import ValidationError as TheirValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.models import Mode, explain
from mcp_context_persistence.runtime.config import sources

HIDDEN = "**********"
SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([a-z]*)")
_CREDENTIALS = re.compile(r"//.*@", re.DOTALL)

T = TypeVar("T")


def documented(value: T) -> T:
    """The same value as an object of its own, for the default of an argument.

    It is equal to the plain value and shown like it, and `is` tells whether a caller left the argument out, so that a setting can
    take its place without a change of the documented signature.
    """
    kind: Any = type(value)
    return type(kind.__name__, (kind,), {"left_out": True})(value)  # type: ignore[no-any-return]


def left_out(value: object) -> bool:
    """Whether a value is the default of an argument whose place a setting may take."""
    return getattr(type(value), "left_out", False) is True


SPACY_MODEL = documented("en_core_web_sm")
SIMILAR_LIMIT = documented(5)
SIMILAR_MIN_SCORE = documented(0.7)
HYBRID_LIMIT = documented(10)
HYBRID_MODE = documented("hybrid")
CACHE_SIZE = documented(1000)
CACHE_TTL = documented(3600)


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic takes a ValueError
    return value


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return _no_boolean(value)
    found = _DURATION.fullmatch(value.strip().lower())
    if found is None or found[2] not in SECONDS:
        raise ValueError('must be seconds, such as 30, "30s", "5m" or "1h"')
    return float(found[1]) * SECONDS[found[2]]


def _lowered(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _level(value: object) -> object:
    return (
        {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(value.upper(), value.upper())
        if isinstance(value, str)
        else value
    )


def _model(value: object) -> object:
    """The name or the path of a model; no name is None, not an empty one."""
    return _checked(
        validation.check_identifier, os.fspath(value) if isinstance(value, os.PathLike) else value
    )


def _labels(value: object) -> object:
    """Types of entities: a list, or a text with commas between them."""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)) or not listed:
        raise ValueError("must be a list of types of entities")
    if len(listed) > limits.GLINER_LABELS:
        raise ValueError(f"has more than {limits.GLINER_LABELS} types")
    return tuple(
        dict.fromkeys(
            _checked(validation.check_type_name, one.strip() if isinstance(one, str) else one)
            for one in listed
        )
    )


def _checked(check: Callable[[str, object], T], value: object) -> T:
    """The checked value; the name of the field is told by whoever hears of the error."""
    try:
        return check("", value)
    except ValidationError as error:
        raise ValueError(str(error).strip()) from None


Whole = Annotated[int, BeforeValidator(_no_boolean)]
Share = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(allow_inf_nan=False)]
Model = Annotated[str, BeforeValidator(_model)]
Labels = Annotated[tuple[str, ...], BeforeValidator(_labels)]
Size = Annotated[ByteSize, BeforeValidator(_no_boolean)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_level)]
Format = Annotated[Literal["json", "text"], BeforeValidator(_lowered)]


def _setting(default: Any, key: str, *variables: str, description: str, **bounds: Any) -> Any:
    """A field with its key in the configuration file and its environment variables, the strongest first."""
    names = {"key": key, "variables": list(variables)}
    return Field(default, description=description, json_schema_extra=names, **bounds)  # type: ignore[arg-type]  # plain JSON


class Config(BaseSettings):
    """The keys of the `config` argument. `docs/configuration.md` lists their variables and their keys in the file."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    database_url: str | None = _setting(
        None,
        "database.url",
        "CONTEXT_DB_URL",
        "DATABASE_URL",
        description="Where the graph lives",
        repr=False,
    )
    database_user: str = _setting(
        "neo4j", "database.user", "CONTEXT_DB_USER", description="User of the server"
    )
    database_password: SecretStr | None = _setting(
        None, "database.password", "CONTEXT_DB_PASSWORD", description="Password of the server"
    )
    pool_size: Whole = _setting(
        10,
        "database.pool_size",
        "CONTEXT_DB_POOL_SIZE",
        ge=1,
        le=1000,
        description="Connections to the database that are usual",
    )
    max_overflow: Whole = _setting(
        20,
        "database.max_overflow",
        "CONTEXT_DB_MAX_OVERFLOW",
        ge=0,
        le=1000,
        description="Connections beyond pool_size, at most",
    )
    deadline: Seconds = _setting(
        limits.DEADLINE_SECONDS,
        "database.deadline",
        gt=0,
        le=3600,
        description="Seconds after which a database call ends",
    )
    default_mode: Mode = _setting(
        "hybrid", "database.default_mode", description="Storage mode when a call names none"
    )
    echo: bool = _setting(False, "database.echo", description="Accepted, without effect")

    vector_db_url: str | None = _setting(
        None, "vector_db.url", "VECTOR_DB_URL", description="Accepted, without effect", repr=False
    )
    vector_db_api_key: SecretStr | None = _setting(
        None, "vector_db.api_key", "VECTOR_DB_API_KEY", description="Accepted, without effect"
    )
    vector_collection_name: str | None = _setting(
        None,
        "vector_db.collection_name",
        "VECTOR_COLLECTION_NAME",
        description="Accepted, without effect",
    )
    vector_size: Whole = _setting(
        384,
        "vector_db.vector_size",
        "VECTOR_SIZE",
        ge=1,
        le=4096,
        description="Numbers per vector; what the embedding model makes",
    )
    distance_metric: Annotated[Literal["cosine"], BeforeValidator(_lowered)] = _setting(
        "cosine", "vector_db.distance_metric", description="Only cosine"
    )

    spacy_model: Model = _setting(
        "en_core_web_sm", "nlp.spacy_model", "SPACY_MODEL", description="Installed spaCy model"
    )
    sentence_transformer_model: Model = _setting(
        "all-MiniLM-L6-v2",
        "nlp.sentence_transformer_model",
        "SENTENCE_TRANSFORMER_MODEL",
        description="Name or path of the embedding model",
    )
    cross_encoder_model: Model | None = _setting(
        None,
        "nlp.cross_encoder_model",
        "CROSS_ENCODER_MODEL",
        description="Path or name of a cross-encoder that reads the best messages of a search again; none when not set",
    )
    gliner_model: Model | None = _setting(
        None,
        "nlp.gliner_model",
        "GLINER_MODEL",
        description="Path or name of a GLiNER model that finds names beside spaCy (extra gliner); none when not set",
    )
    gliner_labels: Labels | None = _setting(
        None,
        "nlp.gliner_labels",
        "GLINER_LABELS",
        description="Types of entities that it looks for beside the usual ones",
    )
    entity_extraction_threshold: Share = _setting(
        0.0,
        "nlp.entity_extraction_threshold",
        "ENTITY_EXTRACTION_THRESHOLD",
        description="Least confidence of the entities in an answer; all of them are stored",
    )
    max_entities_per_text: Whole = _setting(
        limits.ENTITIES_PER_TEXT,
        "nlp.max_entities_per_text",
        ge=1,
        le=limits.ENTITIES_PER_TEXT,
        description="Entities in an answer, at most",
    )

    default_search_limit: Whole | None = _setting(
        None,
        "search.default_limit",
        "DEFAULT_SEARCH_LIMIT",
        ge=1,
        le=limits.SEARCH_LIMIT,
        description="Results of a search that names no limit; each call's own default when not set",
    )
    min_similarity_score: Share | None = _setting(
        None,
        "search.min_similarity_score",
        "MIN_SIMILARITY_SCORE",
        description="min_score of search_similar_conversations where a call names none; 0.7 when not set",
    )
    max_search_results: Whole = _setting(
        limits.SEARCH_LIMIT,
        "search.max_results",
        "MAX_SEARCH_RESULTS",
        ge=1,
        le=limits.SEARCH_LIMIT,
        description="Largest limit that a search may name",
    )
    enable_hybrid_search: bool = _setting(
        True,
        "search.enable_hybrid_search",
        description="Whether search_hybrid joins its arms; else it is semantic unless told",
    )

    max_conversation_length: Whole = _setting(
        limits.MESSAGES_PER_CONVERSATION,
        "performance.max_conversation_length",
        "MAX_CONVERSATION_LENGTH",
        ge=1,
        le=limits.MESSAGES_PER_CONVERSATION,
        description="Messages per conversation",
    )
    batch_size: Whole = _setting(
        32,
        "performance.batch_size",
        "BATCH_SIZE",
        ge=1,
        le=1024,
        description="Texts that are embedded at once",
    )
    cache_size: Whole = _setting(
        1000,
        "performance.cache_size",
        "CACHE_SIZE",
        ge=1,
        le=limits.CACHE_ENTRIES,
        description="Answers that a cache keeps, at most",
    )
    cache_ttl: Seconds = _setting(
        3600.0,
        "performance.cache_ttl",
        "CACHE_TTL",
        ge=1,
        le=limits.CACHE_SECONDS,
        description="Seconds that a cache keeps an answer",
    )
    max_memory_usage: Size | None = _setting(
        None,
        "performance.max_memory_usage",
        "MAX_MEMORY_USAGE",
        ge=limits.MEMORY_PROCESS_BYTES,
        description="Bytes of memory that this process and its managed server may use; not bounded when not set",
    )
    enable_parallel_processing: bool = _setting(
        True,
        "performance.enable_parallel_processing",
        description="Whether batches may use several workers",
    )

    log_level: Level = _setting(
        "INFO", "logging.level", "LOG_LEVEL", description="Least level that is logged"
    )
    log_format: Format = _setting(
        "text", "logging.format", "LOG_FORMAT", description="json (an object per line) or text"
    )
    log_file: str | None = _setting(
        None,
        "logging.file",
        "LOG_FILE",
        min_length=1,
        description="File of the log; standard error when not set",
    )
    log_max_size: Size = _setting(
        100_000_000,
        "logging.max_size",
        ge=1024,
        le=10**12,
        description="Bytes after which a new file is begun",
    )
    log_backup_count: Whole = _setting(
        5, "logging.backup_count", ge=0, le=1000, description="Older files that are kept"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order of the sources, the strongest first. Ours stand in for the given ones: a setting has other names in each of them."""
        read = [
            InitSettingsSource(settings_cls, one.values) for one in sources.read(cls.model_fields)
        ]
        return (init_settings, *read)

    @property
    def connections(self) -> int:
        """Connections to the database, at most."""
        return self.pool_size + self.max_overflow

    @property
    def auth(self) -> tuple[str, str] | None:
        """User and password, where there is a password."""
        password = self.database_password.get_secret_value() if self.database_password else ""
        return (self.database_user, password) if password else None

    def shown(self) -> dict[str, Any]:
        """All settings by name, plain values, secrets and the credentials in addresses hidden."""
        return {name: _shown(value) for name, value in self}


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else ""
    if isinstance(value, ByteSize):
        return int(value)
    return _CREDENTIALS.sub(f"//{HIDDEN}@", value) if isinstance(value, str) else value


def config(given: Mapping[str, Any] | None = None, **arguments: object) -> Config:
    """The effective settings, checked.

    Args:
        given: The `config` argument.
        arguments: The constructor's other arguments that are settings; None means not given.

    Raises:
        ValidationError: A key is unknown (the text names the nearest), or a value is not valid (the text names the source).
    """
    if given is not None and not isinstance(given, Mapping):
        raise ValidationError("config must be a mapping")
    stated = dict(given or {})
    for key in stated:
        if key not in Config.model_fields:
            raise ValidationError(
                f"config has an unknown key {validation.describe_key(key)}"
                f"{sources.nearest(key, Config.model_fields)}"
            )
    named = {name: value for name, value in arguments.items() if value is not None}
    try:
        made = Config(**(stated | named))
    except TheirValidationError as error:
        raise _explained(
            error, {**dict.fromkeys(stated, "config"), **dict.fromkeys(named, "")}
        ) from error
    if (made.default_search_limit or 1) > made.max_search_results:
        raise ValidationError("default_search_limit must not be larger than max_search_results")
    return made


def _explained(error: TheirValidationError, stated: Mapping[str, str]) -> ValidationError:
    """The error with the names under which the wrong values were given; `stated` has the argument that each field came in."""
    text = str(explain(error, sources=stated))
    fields = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
    for field in sorted(fields - stated.keys()):
        for source in sources.read(Config.model_fields):
            if field in source.values:
                text += f" ({field} comes from {source.names[field]})"
                break
    return ValidationError(text)
