"""The settings and their defaults; `sources` has the order in which they are looked up."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ByteSize, Field, PrivateAttr, SecretStr
from pydantic import ValidationError as PydanticValidationError
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
from mcp_context_persistence.runtime.config.credentials_file import add_credentials
from mcp_context_persistence.runtime.config.field_types import (
    Format,
    Integer,
    Labels,
    Language,
    Level,
    Lowercase,
    Model,
    PathName,
    Seconds,
    Share,
    Size,
)

HIDDEN = "**********"
_CREDENTIALS = re.compile(r"//.*@", re.DOTALL)


def _setting(default: Any, key: str, *variables: str, description: str, **bounds: Any) -> Any:
    """Return a field with its key in the file and its variables, the strongest first."""
    names = {"key": key, "variables": list(variables)}
    return Field(default, description=description, json_schema_extra=names, **bounds)  # type: ignore[arg-type]  # plain JSON


class Config(BaseSettings):
    """The settings, which are the keys of the `config` argument.

    `docs/configuration.md` lists their environment variables and their keys in the file.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    database_url: str | None = _setting(
        None,
        "database.url",
        "CONTEXT_STORE",
        "CONTEXT_DB_URL",
        "NEO4J_URI",
        "DATABASE_URL",
        description="Where the graph lives",
        repr=False,
    )
    database_user: str = _setting(
        "neo4j",
        "database.user",
        "CONTEXT_DB_USER",
        "NEO4J_USERNAME",
        "NEO4J_USER",
        description="User of the server",
    )
    database_password: SecretStr | None = _setting(
        None,
        "database.password",
        "CONTEXT_DB_PASSWORD",
        "NEO4J_PASSWORD",
        description="Password of the server",
    )
    database_name: str | None = _setting(
        None,
        "database.name",
        "CONTEXT_DB_NAME",
        "NEO4J_DATABASE",
        description="Database on the server; the server's default when not set",
    )
    credentials_file: PathName | None = _setting(
        None,
        "database.credentials_file",
        "CONTEXT_DB_CREDENTIALS_FILE",
        description="File with NEO4J_URI, NEO4J_USERNAME and NEO4J_PASSWORD, such as Aura's",
    )
    pool_size: Integer = _setting(
        10,
        "database.pool_size",
        "CONTEXT_DB_POOL_SIZE",
        ge=1,
        le=1000,
        description="Connections to the database that are usual",
    )
    max_overflow: Integer = _setting(
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
    vector_size: Integer = _setting(
        384,
        "vector_db.vector_size",
        "VECTOR_SIZE",
        ge=1,
        le=4096,
        description="Numbers per vector; what the embedding model makes",
    )
    distance_metric: Annotated[Literal["cosine"], Lowercase] = _setting(
        "cosine", "vector_db.distance_metric", description="Only cosine"
    )

    language: Language = _setting(
        "auto",
        "nlp.language",
        "CONTEXT_LANGUAGE",
        description="Language of the texts; auto recognizes it in each of them",
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
        description="Path or name of a cross-encoder that scores the best messages of a search "
        "again; none when not set",
    )
    gliner_model: Model | None = _setting(
        None,
        "nlp.gliner_model",
        "GLINER_MODEL",
        description="Path or name of a GLiNER model that finds names in addition to spaCy "
        "(extra gliner); none when not set",
    )
    gliner_labels: Labels | None = _setting(
        None,
        "nlp.gliner_labels",
        "GLINER_LABELS",
        description="Entity types that it looks for in addition to the usual ones",
    )
    entity_extraction_threshold: Share = _setting(
        0.0,
        "nlp.entity_extraction_threshold",
        "ENTITY_EXTRACTION_THRESHOLD",
        description="Least confidence of the entities in an answer; all of them are stored",
    )
    max_entities_per_text: Integer = _setting(
        limits.ENTITIES_PER_TEXT,
        "nlp.max_entities_per_text",
        ge=1,
        le=limits.ENTITIES_PER_TEXT,
        description="Entities in an answer, at most",
    )

    default_search_limit: Integer | None = _setting(
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
        description="min_score of search_similar_conversations where a call names none; 0.7 when "
        "not set",
    )
    max_search_results: Integer = _setting(
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
        description="Whether search_hybrid combines its retrievers; else it is semantic by default",
    )

    max_conversation_length: Integer = _setting(
        limits.MESSAGES_PER_CONVERSATION,
        "performance.max_conversation_length",
        "MAX_CONVERSATION_LENGTH",
        ge=1,
        le=limits.MESSAGES_PER_CONVERSATION,
        description="Messages per conversation",
    )
    batch_size: Integer = _setting(
        32,
        "performance.batch_size",
        "BATCH_SIZE",
        ge=1,
        le=1024,
        description="Texts that are embedded at once",
    )
    cache_size: Integer = _setting(
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
        description="Bytes of memory that this process and its managed server may use; not bounded "
        "when not set",
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
    log_backup_count: Integer = _setting(
        5, "logging.backup_count", ge=0, le=1000, description="Older files that are kept"
    )

    _origins: dict[str, sources.Origin] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return our sources, the strongest first: a setting has another name in each of them."""
        own_sources = [
            InitSettingsSource(settings_cls, source.values)
            for source in sources.read(cls.model_fields)
        ]
        return (init_settings, *own_sources)

    @property
    def text_language(self) -> str | None:
        """The language of the texts, None where it is recognized in each of them."""
        return None if self.language == "auto" else self.language

    @property
    def connections(self) -> int:
        """Connections to the database, at most."""
        return self.pool_size + self.max_overflow

    @property
    def origins(self) -> dict[str, sources.Origin]:
        """Where each setting comes from that is not a default."""
        return self._origins

    def shown(self) -> dict[str, Any]:
        """Return all settings by name as plain values; passwords and keys are hidden."""
        return {name: _hide(value) for name, value in self}


def _hide(value: object) -> object:
    if isinstance(value, SecretStr):
        return HIDDEN if value.get_secret_value() else ""
    if isinstance(value, ByteSize):
        return int(value)
    return _CREDENTIALS.sub(f"//{HIDDEN}@", value) if isinstance(value, str) else value


def load_config(config: Mapping[str, Any] | None = None, **arguments: object) -> Config:
    """Load and check the settings in effect.

    Args:
        config: The `config` argument of the client.
        arguments: Other arguments of the client that are settings; None means not given.

    Raises:
        ValidationError: A key is unknown (the text suggests the nearest one), or a value is not
            valid (the text names the source).
    """
    by_config = {} if config is None else validation.check_mapping("config", config)
    for key in by_config:
        if key not in Config.model_fields:
            known_keys = sorted(Config.model_fields)
            raise ValidationError(f"config has {validation.describe_unknown_key(key, known_keys)}")
    by_argument = {name: value for name, value in arguments.items() if value is not None}
    with validation.reading("config"):
        try:
            settings = Config(**(by_config | by_argument))
        except PydanticValidationError as error:
            arguments_by_field = {
                **dict.fromkeys(by_config, "config"),
                **dict.fromkeys(by_argument, ""),
            }
            raise _explain_error(error, arguments_by_field) from error
    if (settings.default_search_limit or 1) > settings.max_search_results:
        raise ValidationError("default_search_limit must not be larger than max_search_results")
    arguments_by_field = {name: f"{name} in config" for name in by_config} | {
        name: name for name in by_argument
    }
    settings._origins.update(sources.find_origins(Config.model_fields, arguments_by_field))
    if not settings.credentials_file:
        return settings
    values = add_credentials(settings.credentials_file, dict(settings), settings.origins)
    return settings.model_copy(update=values)


def _explain_error(
    error: PydanticValidationError, arguments_by_field: Mapping[str, str]
) -> ValidationError:
    """Return the error with the names under which the wrong values were given.

    Args:
        error: What pydantic says.
        arguments_by_field: The argument that each field came in, for the fields that came in one.
    """
    text = str(explain(error, sources=arguments_by_field))
    fields = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
    for field in sorted(fields - arguments_by_field.keys()):
        for source in sources.read(Config.model_fields):
            if field in source.values:
                text += f" ({field} comes from {source.names[field]})"
                break
    return ValidationError(text)
