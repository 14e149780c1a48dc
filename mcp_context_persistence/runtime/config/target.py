"""The database that the settings name."""

from mcp_context_persistence.kg import local, url
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.config.settings import Config

Target = url.LocalTarget | url.RemoteTarget


def default_url() -> str:
    """Return the URL of the user's own store, which is used when no URL is configured."""
    return f"local:{local.default_store()}"


def configured_target(config: Config) -> Target:
    """Return what the configured database URL names.

    Raises:
        ValidationError: The URL is not valid.
    """
    origin = config.origins.get("database_url")
    try:
        return url.parse_url(config.database_url or default_url())
    except ValidationError as error:
        if origin is None or origin.name == "database_url":
            raise
        raise ValidationError(f"{error} (database_url comes from {origin.name})") from error
