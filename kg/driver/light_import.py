"""Import the Neo4j driver without pandas and pyarrow.

The driver imports both where they are installed, so that they can be query parameters. This library
passes neither, and they would take 0.2 s and 60 MB. They can still be imported afterwards. Where
they are imported before, the driver supports them as usual.

The driver logs each lost connection as an error, also where the call is then sent again. Where
nobody configured logging, Python would print that to standard error. A handler that does nothing
prevents this; handlers of the user get the records as before.
"""

import importlib
import logging
import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

DRIVER = "neo4j"
UNUSED = frozenset({"pandas", "pyarrow"})


class _Hider(MetaPathFinder):
    """Hides modules from the imports of one thread."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names, self._thread = names, threading.get_ident()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Refuse a hidden module; leave all others to the other finders."""
        if fullname in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def import_driver() -> None:
    """Import the driver if it is not imported yet, and hide pandas and pyarrow meanwhile."""
    logging.getLogger(DRIVER).addHandler(logging.NullHandler())
    if DRIVER in sys.modules:
        return
    hider = _Hider(UNUSED)
    sys.meta_path.insert(0, hider)
    try:
        importlib.import_module(DRIVER)
    finally:
        sys.meta_path.remove(hider)
