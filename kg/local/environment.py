"""The environment of the supervisor and the server: the same under a login shell, cron and systemd.

Only the standard library, for the supervisor.
"""

import contextlib
import locale
import os
import resource

# Nothing else of the caller's environment reaches the server: no secrets, and no variables that change Java or Neo4j.
KEPT = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TZ",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "SYSTEMROOT",
        "MALLOC_ARENA_MAX",
    }
)
# Java encodes file names as the locale says; under C or POSIX it refuses every path that is not ASCII.
LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8")
WANTED_FILES = 40_000  # what Neo4j recommends where the system sets no limit


def environment() -> dict[str, str]:
    """Return the variables of the caller that reach the server."""
    return {name: value for name, value in os.environ.items() if name in KEPT}


def with_utf8(variables: dict[str, str]) -> dict[str, str]:
    """Return the variables with a locale of this machine whose file names are UTF-8.

    It changes this process's own locale for a moment: for the supervisor, which has one thread.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    name = next((one for one in LOCALES if _exists(one)), "C")
    locale.setlocale(locale.LC_CTYPE, before)
    rest = {
        key: value
        for key, value in variables.items()
        if key != "LANG" and not key.startswith("LC_")
    }
    return {**rest, "LANG": name, "LC_ALL": name}


def _exists(name: str) -> bool:
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    return True


def allow_open_files() -> int:
    """Let this process and its children open as many files as the system lets them; return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return WANTED_FILES if allowed == resource.RLIM_INFINITY else allowed
