"""Arguments that were left out have the value `UNSET`.

A setting can then replace the documented default.
"""

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


def unset_defaults(*names: str) -> Callable[[F], F]:
    """Make `UNSET` the default of some arguments of a function.

    `inspect.signature` and `help` still show the defaults that are written in the source, which are
    the documented ones.

    Args:
        names: The arguments.
    """

    def decorate(function: F) -> F:
        target: Any = function
        signature = inspect.signature(function)
        for name in names:
            if signature.parameters[name].default is inspect.Parameter.empty:
                raise TypeError(f"{name} has no default")
        defaults = {
            name: UNSET if name in names else parameter.default
            for name, parameter in signature.parameters.items()
            if parameter.default is not inspect.Parameter.empty
        }
        keywords = target.__kwdefaults__ or {}
        target.__defaults__ = tuple(
            default for name, default in defaults.items() if name not in keywords
        )
        target.__kwdefaults__ = {name: defaults[name] for name in keywords} or None
        target.__signature__ = signature
        return cast("F", target)

    return decorate
