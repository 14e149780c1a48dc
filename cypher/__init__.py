"""Load the Cypher statements, one file each. `README.md` explains how they are written."""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Dialect = Literal["25", "5"]

_NAME = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")
_SAMPLE = re.compile(r":param (?P<name>[a-z_][a-z0-9_]*) => (?P<value>.+)")
_KEY = re.compile(r"([{,]\s*)([a-zA-Z_][a-zA-Z0-9_]*):")
_REPEATED = re.compile(r"\[i IN range\((?P<first>\d+), (?P<last>\d+)\) \| (?P<value>[0-9.]+)\]")
_PARAMETER = re.compile(r"\$([a-zA-Z_][a-zA-Z0-9_]*)")


@dataclass(frozen=True, kw_only=True)
class Script:
    """One file: its header, its samples and its statement.

    Attributes:
        name: Folder and stem, such as ``conversation/load``.
        header: The comment lines, without their slashes.
        samples: A value per parameter, with which the statement can be planned and run.
        text: The statement, as it is sent.
    """

    name: str
    header: str
    samples: dict[str, Any]
    text: str

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the statement's parameters, without the dollar sign."""
        return frozenset(_PARAMETER.findall(self.text))


def list_names() -> list[str]:
    """Return the names of all statements, sorted, without the ``.v5`` siblings."""
    root = files(__name__)
    names = [
        f"{folder.name}/{file.name.removesuffix('.cypher')}"
        for folder in root.iterdir()
        if folder.is_dir() and not folder.name.startswith("__")
        for file in folder.iterdir()
        if file.name.endswith(".cypher") and not file.name.endswith(".v5.cypher")
    ]
    return sorted(names)


@cache
def load(name: str, dialect: Dialect = "25") -> Script:
    """Read one statement.

    Args:
        name: Folder and stem, such as ``conversation/load``.
        dialect: ``5`` prefers the ``.v5`` sibling, where there is one.

    Raises:
        LookupError: There is no such file.
        ValueError: The file is not valid; the text says where.
    """
    if not _NAME.fullmatch(name):
        raise LookupError(f"{name!r} is not a name of a statement; it must look like folder/name")
    folder, stem = name.split("/")
    directory = files(__name__) / folder
    path = directory / f"{stem}.v5.cypher"
    if dialect == "25" or not path.is_file():
        path = directory / f"{stem}.cypher"
    if not path.is_file():
        raise LookupError(f"there is no statement {name!r}")
    return parse(name, path.read_text(encoding="utf-8"))


def parse(name: str, source: str) -> Script:
    """Split the text of a file into header, samples and statement, and check that they fit.

    Raises:
        ValueError: The file is not valid; the text says where.
    """
    lines = source.splitlines()
    header: list[str] = []
    samples: dict[str, Any] = {}
    start = len(lines)
    for number, line in enumerate(lines, start=1):
        if line.startswith("//"):
            header.append(line.removeprefix("//").strip())
        elif line.startswith(":param"):
            match = _SAMPLE.fullmatch(line)
            if match is None:
                raise ValueError(f"{name}.cypher:{number}: expected ':param name => value'")
            samples[match["name"]] = _parse_sample(name, number, match["value"])
        elif line.strip():
            start = number - 1
            break
    text = "\n".join(lines[start:]).strip().removesuffix(";").rstrip()
    script = Script(name=name, header="\n".join(header), samples=samples, text=text)
    if not header:
        raise ValueError(f"{name}.cypher:1: no header")
    if ";" in text:
        raise ValueError(f"{name}.cypher: more than one statement")
    if script.parameters != samples.keys():
        different = ", ".join(sorted(script.parameters ^ samples.keys()))
        raise ValueError(f"{name}.cypher: samples and parameters differ: {different}")
    return script


def _parse_sample(name: str, number: int, text: str) -> Any:
    """Return a sample's value.

    It is a Cypher literal that is JSON except for its unquoted keys, or a list of equal numbers,
    ``[i IN range(a, b) | number]``.
    """
    repeated = _REPEATED.fullmatch(text)
    if repeated:
        return [float(repeated["value"])] * (int(repeated["last"]) - int(repeated["first"]) + 1)
    try:
        return json.loads(_KEY.sub(r'\1"\2":', text))
    except ValueError as error:
        raise ValueError(
            f"{name}.cypher:{number}: the sample is not JSON with unquoted keys"
        ) from error
