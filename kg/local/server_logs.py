"""How the server of a store logs: little, and into files of limited size."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

RECORD_BYTES = 200_000  # a record may begin below the size of a file and end above it


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """One log file of the server.

    Attributes:
        name: The file's name.
        logger: Whose records go there, empty for all that go to no other file.
        size: Bytes after which a new file is begun.
        max_older: How many older files are kept.
    """

    name: str
    logger: str = ""
    size: int
    max_older: int

    @property
    def max_bytes(self) -> int:
        """Bytes that the file and its older files take at most."""
        return (self.size + RECORD_BYTES) * (1 + self.max_older)


# By the name of Neo4j's configuration file.
FILES = {
    "server-logs.xml": (
        LogFile(name="debug.log", size=5_000_000, max_older=3),
        LogFile(name="security.log", logger="SecurityLogger", size=1_000_000, max_older=1),
        LogFile(name="http.log", logger="HttpLogger", size=1_000_000, max_older=1),
        LogFile(name="query.log", logger="QueryLogger", size=1_000_000, max_older=1),
    ),
    "user-logs.xml": (LogFile(name="neo4j.log", size=2_000_000, max_older=1),),
}
LEVEL = "INFO"
# Graph Data Science logs each step of each run, 20 MB a minute under load; its projections do so as
# procedures of the server. Warnings stay.
LEVELS = {"org.neo4j.gds": "WARN", "org.neo4j.kernel.api.procedure.GlobalProcedures": "WARN"}

_LAYOUT = '<PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSSZ}{GMT+0} %-5p [%c{1.}] %m%n"/>'


def log_configurations() -> dict[str, str]:
    """Return the text of each configuration file of the server's logs, by its name."""
    return {name: _make_configuration(files) for name, files in FILES.items()}


def remove_surplus(logs: Path) -> None:
    """Delete older files that this version would not keep.

    An earlier version of this package kept more of them, and larger ones.

    Args:
        logs: The store's folder of logs; its server does not run.
    """
    for file in (file for files in FILES.values() for file in files):
        for path in logs.glob(f"{file.name}.*"):
            number = path.suffix.removeprefix(".")
            with contextlib.suppress(OSError):
                if number.isdigit() and (
                    int(number) > file.max_older or path.stat().st_size > file.size + RECORD_BYTES
                ):
                    path.unlink()


def _make_configuration(files: tuple[LogFile, ...]) -> str:
    appenders = "".join(_make_appender(file) for file in files)
    loggers = "".join(
        f'<Logger name="{file.logger}" level="{LEVEL}" additivity="false">'
        f'<AppenderRef ref="{file.name}"/></Logger>\n'
        for file in files
        if file.logger
    )
    levels = "".join(f'<Logger name="{name}" level="{level}"/>\n' for name, level in LEVELS.items())
    root = next(file for file in files if not file.logger)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Configuration status="ERROR">\n'
        f"<Appenders>\n{appenders}</Appenders>\n"
        f'<Loggers>\n{loggers}{levels}<Root level="{LEVEL}">'
        f'<AppenderRef ref="{root.name}"/></Root>\n</Loggers>\n'
        "</Configuration>\n"
    )


def _make_appender(file: LogFile) -> str:
    folder = "${config:server.directories.logs}"
    return (
        f'<RollingRandomAccessFile name="{file.name}" fileName="{folder}/{file.name}" '
        f'filePattern="${folder}/{file.name}.%02i">\n'
        f'{_LAYOUT}\n<Policies><SizeBasedTriggeringPolicy size="{file.size} B"/></Policies>\n'
        f'<DefaultRolloverStrategy fileIndex="min" max="{file.max_older}"/>\n'
        "</RollingRandomAccessFile>\n"
    )
