"""The database that the settings name."""

from mcp_context_persistence.kg import local, url
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.config.settings import Config

Target = url.LocalTarget | url.RemoteTarget


def default_url() -> str:
    """Return the URL of the user's own store, which is used when no URL is configured."""
    return f"local:{local.default_store()}"


def describe_settings(config: Config, namespace: str) -> dict[str, object]:
    """Return the settings in effect by name, with secrets and credentials hidden."""
    settings = config.shown()
    url = settings["database_url"] or default_url()
    return {**settings, "database_url": url, "namespace": namespace}


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
