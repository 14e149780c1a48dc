"""Apply the settings of the log. The root logger is never changed.

Nothing is changed unless a setting says so. All loggers of the library are children of
`mcp_context_persistence`.
"""

import contextlib
import json
import logging
import sys
import threading
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.runtime.config.settings import Config

TREE = "mcp_context_persistence"
SETTINGS = ("log_level", "log_format", "log_file", "log_max_size", "log_backup_count")
CALL_FIELDS = ("call", "outcome", "seconds", "namespace")  # of the record of a call

_lock = threading.Lock()
renew_locks_in_children(sys.modules[__name__])
_handler: logging.Handler | None = None
_applied: tuple[object, ...] | None = None


class TextFormatter(logging.Formatter):
    """Formats a record as a line of text.

    Of an error only its class is shown: its text and that of its causes may hold what a user wrote.
    """

    def __init__(self) -> None:
        """Set the layout of the line."""
        super().__init__("%(asctime)s - %(name)s - %(levelname)s - %(message)s")

    def formatException(self, ei: object) -> str:  # noqa: N802 - the name is the standard library's
        """Return the class of the error."""
        error_type = ei[0] if isinstance(ei, tuple) else None
        return getattr(error_type, "__name__", "error")


class JsonFormatter(TextFormatter):
    """Formats a record as a JSON object per line.

    It has the time (UTC), level, logger and message, and for a call its name, outcome, seconds and
    namespace.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields.update(
            {name: getattr(record, name) for name in CALL_FIELDS if hasattr(record, name)}
        )
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def configure(config: Config) -> None:
    """Log as the settings say, once per process; other settings replace earlier ones.

    Raises:
        ValidationError: The file cannot be written.
    """
    global _handler, _applied
    if config.model_fields_set.isdisjoint(SETTINGS):
        return
    values = tuple(getattr(config, name) for name in SETTINGS)
    tree = logging.getLogger(TREE)
    with _lock:
        if values == _applied and _handler in tree.handlers:
            return
        handler = _open_handler(config)
        handler.setFormatter(make_formatter(config))
        if _handler is not None:
            tree.removeHandler(_handler)
            with contextlib.suppress(OSError):  # the disk of the old file is full
                _handler.close()
        tree.addHandler(handler)
        tree.setLevel(config.log_level)
        _handler, _applied = handler, values


def make_formatter(config: Config) -> TextFormatter:
    """Return the formatter for the format that is configured."""
    return JsonFormatter() if config.log_format == "json" else TextFormatter()


def _open_handler(config: Config) -> logging.Handler:
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
