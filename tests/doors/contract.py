"""Run the cases of `contract_cases.yaml` through a door, and compare the answers.

The calls of the file are one story. Each door tells it from the beginning to the end, in a
namespace of its own. What a door has no call for, a helper does in the same namespace.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import yaml

CASES_FILE = Path(__file__).with_name("contract_cases.yaml")
SECRET = "hunter2"  # cases have it where an error must not repeat what was written
# Scores of words depend on how often they occur in all namespaces of a database.
TOLERANCE = 0.03
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
SHOWN_DIFFERENCES = 4


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An error as a door tells it.

    Attributes:
        kinds: Keys of `KINDS` that it may be; some doors do not tell all kinds apart.
        text: All that the caller is told.
        retryable: None where the door does not tell.
        outcome: None where the door does not tell.
        is_wrong: What breaks the rules of the door, such as a second line; empty if nothing does.
    """

    kinds: frozenset[str]
    text: str
    retryable: bool | None = None
    outcome: str | None = None
    is_wrong: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of failure at each door: class of the client, status, exit code."""

    error: str
    status: int
    exit_code: int


KINDS = {
    "invalid": Kind("ValidationError", 422, 2),
    "too-large": Kind("ValidationError", 413, 2),
    "not-found": Kind("NotFoundError", 404, 3),
}


class NoSuchCallError(Exception):
    """The door has no such call, or cannot say such arguments; its tables say why."""


class Door(Protocol):
    """A way to call the client.

    Attributes:
        lacks: The calls that it does not have.
    """

    name: str
    namespace: str
    lacks: ClassVar[Collection[str]]

    def call(self, call: str, arguments: Mapping[str, Any]) -> Any:
        """Return the answer as JSON, or a `Failure`.

        Raises:
            NoSuchCallError: The door cannot do it.
        """

    def project(self, call: str, arguments: Mapping[str, Any], answer: Any) -> Any:
        """Return the part of the client's answer that the door shows."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call, and what it must answer.

    Attributes:
        call: Name of the method of the client.
        title: What it is about.
        arguments: Its arguments.
        answer: A part of the answer; empty means any.
        error: The kind of the failure, and a word that its text has; None if the call succeeds.
        keep: Names for values of the answer with their paths, for later cases.
        hidden: What no text of an error may have.
    """

    call: str
    title: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    answer: Any = field(default_factory=dict)
    error: Mapping[str, str] | None = None
    keep: Mapping[str, str] = field(default_factory=dict)
    hidden: str = SECRET


@dataclass(frozen=True)
class Kept:
    """A value of an earlier answer: `!kept NAME`."""

    name: str


@dataclass(frozen=True)
class Having:
    """A list that has at least these items: `!having [...]`."""

    items: list[Any]


class Loader(yaml.SafeLoader):
    """Reads the file: dates stay texts, and there are a few tags."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith(":timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_constructor("!kept", lambda loader, node: Kept(loader.construct_scalar(node)))
Loader.add_constructor(
    "!having", lambda loader, node: Having(loader.construct_sequence(node, deep=True))
)


def _construct_repeated(loader: Loader, node: yaml.Node) -> Any:
    value, count = loader.construct_sequence(node, deep=True)
    return value * count


def _construct_nested(loader: Loader, node: yaml.Node) -> Any:
    value: Any = 1
    for _ in range(int(loader.construct_scalar(node))):
        value = {"a": value}
    return value


Loader.add_constructor("!repeated", _construct_repeated)  # !repeated [x, 513]
Loader.add_constructor("!nested", _construct_nested)  # !nested 17
Loader.add_constructor(  # !levels 100000
    "!levels",
    lambda loader, node: "[" * int(node.value) + "]" * int(node.value),
)
Loader.add_constructor("!bytes", lambda loader, node: node.value.encode("latin-1"))
Loader.add_constructor("!half", lambda loader, node: f"{loader.construct_scalar(node)}\ud800")


@dataclass
class Report:
    """What happened at a door.

    Attributes:
        failures: What was not as it must be.
        answers: What the cases answered, by their numbers, without what differs by its nature.
        excused: The cases that the helper has done.
    """

    failures: list[str] = field(default_factory=list)
    answers: dict[int, Any] = field(default_factory=dict)
    excused: list[int] = field(default_factory=list)


def read_file() -> dict[str, Any]:
    """Return the content of the file of cases."""
    content: dict[str, Any] = yaml.load(CASES_FILE.read_text(encoding="utf-8"), Loader)
    return content


def load_cases() -> list[Case]:
    """Return the calls of the file, in their order."""
    rows = read_file()["calls"]
    return [Case(arguments=row.pop("with", {}), **row) for row in rows]


def run_cases(door: Door, helper: Door | None = None, baseline: Report | None = None) -> Report:
    """Tell the story through a door.

    Args:
        door: The door.
        helper: Does what the door cannot do.
        baseline: What the client answers; None compares with the cases alone.
    """
    report = Report()
    kept = {"namespace": door.namespace}
    cases = load_cases()
    for number, case in enumerate(cases):
        arguments = fill_in(case.arguments, kept)
        speaker = door
        try:
            answer = door.call(case.call, arguments)
        except NoSuchCallError:
            report.excused.append(number)
            assert helper is not None, f"{door.name} cannot do {case}"
            speaker, answer = helper, helper.call(case.call, arguments)

        shown = partial(speaker.project, case.call, arguments)
        for name, path in case.keep.items():
            value = read_path(answer, path)
            if value is None and helper is not None:  # the door does not show it
                value = read_path(helper.call(case.call, arguments), path)
            kept[name] = str(value)
        texts = list(check_answer(case, answer, kept, shown))
        if not isinstance(answer, Failure):
            report.answers[number] = make_comparable(answer, kept)
        if not texts and baseline is not None and number in report.answers:
            usual = shown(baseline.answers[number])
            texts += list(find_differences(usual, report.answers[number]))[:SHOWN_DIFFERENCES]
        where = f"{door.name}: {case.call}({case.title or str(arguments)[:120]})"
        report.failures += [f"{where}: {text}" for text in texts]
    report.failures += [
        f"{door.name}: all cases of {call} that succeed are excused"
        for call in sorted({case.call for case in cases} - set(door.lacks))
        if all(
            number in report.excused or case.error
            for number, case in enumerate(cases)
            if case.call == call
        )
    ]
    return report


def check_answer(case: Case, answer: Any, kept: Mapping[str, str], shown: Any) -> Iterator[str]:
    """Yield what is wrong with an answer."""
    if case.error is not None:
        yield from _check_failure(case, case.error, answer)
        return
    if isinstance(answer, Failure):
        yield f"failed: {answer.text}"
        return
    expected = shown(fill_in(case.answer, kept))
    if not matches(expected, answer):
        yield f"{str(answer)[:600]} does not match {expected}"


def _check_failure(case: Case, error: Mapping[str, str], answer: Any) -> Iterator[str]:
    if not isinstance(answer, Failure):
        yield f"succeeded: {str(answer)[:300]}"
        return
    ((kind, word),) = error.items()
    text = answer.text[:600]
    if kind not in answer.kinds:
        yield f"is {set(answer.kinds)} and not {kind}: {text}"
    if word.lower() not in answer.text.lower():
        yield f"lacks {word!r}: {text}"
    if case.hidden in answer.text:
        yield f"repeats what was written: {text}"
    if answer.retryable not in {None, False} or answer.outcome not in {None, "not_applied"}:
        yield f"retryable={answer.retryable}, outcome={answer.outcome}: {text}"
    if answer.is_wrong:
        yield f"{answer.is_wrong}: {text}"


def fill_in(value: Any, kept: Mapping[str, str]) -> Any:
    """Return a value with the values of earlier answers."""
    if isinstance(value, Kept):
        return kept.get(value.name, "missing")
    if isinstance(value, Having):
        return Having(fill_in(value.items, kept))
    if isinstance(value, dict):
        return {name: fill_in(item, kept) for name, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, kept) for item in value]
    return value


def read_path(answer: Any, path: str) -> Any:
    """Return the value at a path such as `decisions.0.id`; None if there is none."""
    for name in path.split("."):
        try:
            answer = answer[int(name)] if isinstance(answer, list) else answer[name]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return answer


def matches(expected: Any, answer: Any) -> bool:
    """Return whether an answer has at least what is expected."""
    if expected == {}:
        return True
    if isinstance(expected, Having):
        return isinstance(answer, list) and all(
            any(matches(item, other) for other in answer) for item in expected.items
        )
    if isinstance(expected, Mapping):
        return isinstance(answer, Mapping) and all(
            name in answer and matches(item, answer[name]) for name, item in expected.items()
        )
    if isinstance(expected, list) and isinstance(answer, list):
        return len(answer) == len(expected) and all(map(matches, expected, answer))
    return type(expected) is type(answer) and bool(expected == answer)


def make_comparable(value: Any, kept: Mapping[str, str]) -> Any:
    """Return an answer without what differs from run to run and from door to door."""
    if isinstance(value, dict):
        if {"label", "size"} <= value.keys():  # the names of the most central members
            value = value | {"label": "a label"}
        return {
            name: "a cursor" if name == "next_cursor" and item else make_comparable(item, kept)
            for name, item in value.items()
            # Lucene counts words in all namespaces of a database.
            if name not in {"processing_time", "explanation"}
        }
    if isinstance(value, list):
        return _leave_out_ties([make_comparable(item, kept) for item in value])
    if isinstance(value, str):
        if TIME.fullmatch(value) and value[0] == "2" and _is_now(value):
            return "now"
        for name, kept_value in kept.items():
            value = value.replace(kept_value, f"<{name}>")
    return value


def _leave_out_ties(items: list[Any]) -> list[Any]:
    """Return a list without the order of what has nearly the same score.

    Results of searches are sorted by their ids. Central entities have no names where others have
    the same score.
    """
    if all(isinstance(item, dict) and "similarity_score" in item for item in items):
        return sorted(items, key=lambda item: str(item.get("id") or item.get("conversation_id")))
    if not all(isinstance(item, dict) and "centrality_score" in item for item in items):
        return items
    scores = [item["centrality_score"] for item in items]
    return [
        item if score > scores[-1] and scores.count(score) == 1 else score
        for item, score in zip(items, scores, strict=True)
    ]


def _is_now(text: str) -> bool:
    return abs(datetime.now(UTC) - datetime.fromisoformat(text)) < timedelta(hours=1)


def find_differences(usual: Any, answer: Any, path: str = "") -> Iterator[str]:
    """Yield where an answer is other than the client's."""
    if isinstance(usual, dict) and isinstance(answer, dict):
        for name in sorted(usual.keys() | answer.keys(), key=str):
            where = f"{path}.{name}".strip(".")
            if name not in usual or name not in answer:
                owner = "client" if name in usual else "door"
                yield f"only the answer of the {owner} has {where}"
            else:
                yield from find_differences(usual[name], answer[name], where)
    elif isinstance(usual, list) and isinstance(answer, list) and len(usual) == len(answer):
        for index, (left, right) in enumerate(zip(usual, answer, strict=True)):
            yield from find_differences(left, right, f"{path}.{index}")
    elif isinstance(usual, float) and isinstance(answer, float):
        if abs(usual - answer) > TOLERANCE:
            yield f"{path} is {answer}, and {usual} in the client"
    elif usual != answer:
        yield f"{path} is {str(answer)[:300]!r}, and {str(usual)[:300]!r} in the client"
