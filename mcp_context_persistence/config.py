"""Settings, read once. What is not said here or in the environment has the default that stands here."""

import difflib
import os
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic import ValidationError as TheirValidationError

from kg import limits
from kg.errors import ValidationError
from kg.models import MODES, explain


class Config(BaseModel):
    """The keys of the `config` argument."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    vector_size: int = Field(384, ge=1, le=4096, description="Numbers per vector; must be what the embedding model makes")
    sentence_transformer_model: str = Field("all-MiniLM-L6-v2", description="Name or path of the embedding model")
    entity_extraction_threshold: float = Field(
        0.0, ge=0.0, le=1.0, description="Least confidence of the entities in an answer; all of them are stored"
    )
    max_entities_per_text: int = Field(
        limits.ENTITIES_PER_TEXT, ge=1, le=limits.ENTITIES_PER_TEXT, description="Entities in an answer, at most"
    )
    max_conversation_length: int = Field(
        limits.MESSAGES_PER_CONVERSATION, ge=1, le=limits.MESSAGES_PER_CONVERSATION, description="Messages per conversation"
    )
    default_mode: str = Field("hybrid", description="Storage mode when a call names none")
    batch_size: int = Field(32, ge=1, le=1024, description="Texts that are embedded at once")
    pool_size: int = Field(30, ge=1, le=1000, description="Connections to the database, at most")
    deadline: float = Field(limits.DEADLINE_SECONDS, gt=0, le=3600, description="Seconds after which a database call ends")


def config(given: Mapping[str, Any] | None) -> Config:
    """Checked settings.

    Raises:
        ValidationError: A key is unknown (the text names the nearest), or a value is not valid.
    """
    if given is not None and not isinstance(given, Mapping):
        raise ValidationError("config must be a mapping")
    for key in given or {}:
        if key not in Config.model_fields:
            near = difflib.get_close_matches(str(key), Config.model_fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are: {', '.join(Config.model_fields)}"
            raise ValidationError(f"config has an unknown key{hint}")
    try:
        made = Config(**(given or {}))
    except TheirValidationError as error:
        raise explain(error) from error
    if made.default_mode not in MODES:
        raise ValidationError(f"config.default_mode must be one of: {', '.join(MODES)}")
    return made


def database_url() -> str | None:
    """The database that the environment names: CONTEXT_DB_URL, else DATABASE_URL, else None."""
    return os.environ.get("CONTEXT_DB_URL") or os.environ.get("DATABASE_URL") or None


def database_auth() -> tuple[str, str] | None:
    """The credentials that the environment names: CONTEXT_DB_USER (neo4j when unset) and CONTEXT_DB_PASSWORD."""
    password = os.environ.get("CONTEXT_DB_PASSWORD")
    return (os.environ.get("CONTEXT_DB_USER", "neo4j"), password) if password else None
