"""The environment of the supervisor and the server. Standard library only.

It is the same under a login shell, cron and systemd.
"""

import locale
import os
import signal

# Nothing else of the caller's environment reaches the server: no secrets, and no variables that
# change Java or Neo4j.
ALLOWED = frozenset(
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
PYTHON_IGNORES = {signal.SIGPIPE, signal.SIGXFSZ}  # itself, and not in its children
# Java encodes file names by the locale; under C or POSIX it refuses every path that is not ASCII.
LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8")


def filter_environment() -> dict[str, str]:
    """Return the variables of the caller that reach the server."""
    return {name: value for name, value in os.environ.items() if name in ALLOWED}


def reset_signals() -> None:
    """Undo what the caller blocks and ignores, and what this process inherits.

    Else a supervisor whose client blocks SIGTERM could not be asked to end.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - PYTHON_IGNORES:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def set_utf8_locale(variables: dict[str, str]) -> dict[str, str]:
    """Return the variables with a locale of this machine whose file names are UTF-8.

    The locale of this process changes while this runs, so there must be no other thread.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    name = next((candidate for candidate in LOCALES if _has_locale(candidate)), "C")
    locale.setlocale(locale.LC_CTYPE, before)
    rest = {
        key: value
        for key, value in variables.items()
        if key != "LANG" and not key.startswith("LC_")
    }
    return {**rest, "LANG": name, "LC_ALL": name}


def _has_locale(name: str) -> bool:
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    return True
