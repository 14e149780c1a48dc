"""The log as the settings want it. Nothing is touched unless a setting says so, and the root logger never is.

All loggers of the library stand below `mcp_context_persistence`, those of its other packages too.
"""

import json
import logging
import threading
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.config.settings import Config

TREE = "mcp_context_persistence"
SETTINGS = ("log_level", "log_format", "log_file", "log_max_size", "log_backup_count")
FIELDS = ("call", "outcome", "seconds", "namespace")  # what a record may carry beside its message

_lock = threading.Lock()
_handler: logging.Handler | None = None
_wanted: tuple[object, ...] | None = None


class Text(logging.Formatter):
    """One line of text. Of an error only its class: its text and its causes' may hold what a user wrote."""

    def __init__(self) -> None:
        """The layout of the line."""
        super().__init__("%(asctime)s - %(name)s - %(levelname)s - %(message)s")

    def formatException(self, ei: object) -> str:
        """The class of the error."""
        kind = ei[0] if isinstance(ei, tuple) else None
        return getattr(kind, "__name__", "error")


class Json(Text):
    """One JSON object per line: time (UTC), level, logger, message, and for a call its name, outcome, seconds and namespace."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        told.update({name: getattr(record, name) for name in FIELDS if hasattr(record, name)})
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def configure(config: Config) -> None:
    """Log as the settings say, once per process; other settings take the place of earlier ones.

    Raises:
        ValidationError: The file cannot be written.
    """
    global _handler, _wanted
    if config.model_fields_set.isdisjoint(SETTINGS):
        return
    wanted = tuple(getattr(config, name) for name in SETTINGS)
    tree = logging.getLogger(TREE)
    with _lock:
        if wanted == _wanted and _handler in tree.handlers:
            return
        handler = _opened(config)
        handler.setFormatter(Json() if config.log_format == "json" else Text())
        if _handler is not None:
            tree.removeHandler(_handler)
            _handler.close()
        tree.addHandler(handler)
        tree.setLevel(config.log_level)
        _handler, _wanted = handler, wanted


def _opened(config: Config) -> logging.Handler:
    if config.log_file is None:
        return logging.StreamHandler()
    try:
        return RotatingFileHandler(
            config.log_file,
            maxBytes=config.log_max_size,
            backupCount=config.log_backup_count,
            encoding="utf-8",
        )
    except (OSError, ValueError) as error:
        raise ValidationError(
            "log_file: the file cannot be written; its folder must exist"
        ) from error
