"""Hide torch from programs that tests start, as if it were not installed (`tests/conftest.py`)."""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any


class WithoutTorch(PathFinder):
    """Finds every module but torch."""

    @classmethod
    def find_spec(cls, fullname: str, *arguments: Any) -> ModuleSpec | None:
        return None if fullname == "torch" else super().find_spec(fullname, *arguments)


sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTorch
