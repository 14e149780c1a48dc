"""No regular expression of the library takes exponential time for some text."""

import dataclasses
import importlib
import pkgutil
import re

import pytest

import mcp_context_persistence

codes, parser = map(importlib.import_module, ("re._constants", "re._parser"))
REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)
MANY = 1_000  # more repetitions than this count as unbounded
EXTRAS = {"gliner", "prometheus_client", "redis", "torch"}


def import_modules():
    package = mcp_context_persistence
    for entry in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        try:
            yield importlib.import_module(entry.name)
        except ModuleNotFoundError as error:
            if error.name not in EXTRAS:
                raise


def find_patterns(value, depth=3):
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth and dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from find_patterns(getattr(value, field.name, None), depth - 1)
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from find_patterns(item, depth - 1)
    elif depth and isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from find_patterns(item, depth - 1)


def list_alternatives(sequence):
    """Return the alternatives of a part, each a sequence of items."""
    if len(sequence) == 1:
        code, argument = sequence[0]
        if code is codes.SUBPATTERN:
            return list_alternatives(argument[3])
        if code is codes.BRANCH:
            return [inner for branch in argument[1] for inner in list_alternatives(branch)]
    return [sequence]


def is_unbounded(item):
    return item[0] in REPEATS and item[1][1] > MANY


def list_parts(code, argument):
    if code in (*REPEATS, codes.POSSESSIVE_REPEAT):
        return [argument[2]]
    if code is codes.SUBPATTERN:
        return [argument[3]]
    if code is codes.BRANCH:
        return argument[1]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    if code is codes.GROUPREF_EXISTS:
        return [part for part in argument[1:] if part is not None]
    return [argument] if code is codes.ATOMIC_GROUP else []


def is_ambiguous(sequence):
    """Return whether a repeated part may be one of its own repeats: "(?:a+|b)*", "(?:a*b?)*".

    A text of many "a" that does not match in the end is then divided in every possible way.
    """
    for code, argument in sequence:
        if is_unbounded((code, argument)):
            for items in list_alternatives(argument[2]):
                for place, item in enumerate(items):
                    others = [*items[:place], *items[place + 1 :]]
                    width = parser.SubPattern(parser.State(), others).getwidth()[0]
                    if is_unbounded(item) and width == 0:
                        return True
        if any(is_ambiguous(part) for part in list_parts(code, argument)):
            return True
    return False


def takes_exponential_time(pattern):
    return is_ambiguous(parser.parse(pattern.pattern, pattern.flags))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"(?:\s+|<\w+>)*", True),
        (r"x(?:(?:a|b+)|c)*y", True),
        (r"(?:a*b?)+", True),
        (r"(?:(a+))*", True),
        (r"(?:\s|<\w+>)*", False),
        (r"(?:a+b)*", False),
        (r"(?:a+|b){0,3}", False),
        (r"(?:, \w+)*", False),
    ],
)
def test_the_check_finds_what_it_is_for(text, expected):
    assert takes_exponential_time(re.compile(text)) is expected


def test_no_regular_expression_divides_a_text_in_every_way():
    patterns = {
        (module.__name__, pattern)
        for module in import_modules()
        for value in list(vars(module).values())
        for pattern in find_patterns(value)
    }
    assert len(patterns) > 100
    found = {
        (name, pattern.pattern) for name, pattern in patterns if takes_exponential_time(pattern)
    }
    assert found == set()
