"""Arguments that were left out: their value is `UNSET`, so that a setting can replace the documented default."""

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Literal, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
UnsetType = Literal[Unset.UNSET]


def unset_defaults(function: F) -> F:
    """Make `UNSET` the default of every optional argument. `inspect.signature` and `help` still show the documented defaults."""
    target = cast("Any", function)
    target.__signature__ = inspect.signature(function)
    target.__defaults__ = tuple(UNSET for _ in target.__defaults__ or ())
    target.__kwdefaults__ = dict.fromkeys(target.__kwdefaults__ or (), UNSET)
    return function


def drop_unset(arguments: Mapping[str, object]) -> dict[str, Any]:
    """Return the arguments that were passed."""
    return {name: value for name, value in arguments.items() if value is not UNSET}
