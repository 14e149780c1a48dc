"""The bench of everything that is asked for."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import required


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch, *only: str) -> int:
    monkeypatch.setattr(required, "RESULTS", folder)
    monkeypatch.setattr(sys, "argv", ["required", str(folder), *(["--only", *only] if only else [])])
    return required.main()


def test_a_first_run_has_no_folder_of_results_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0))
    assert asked(tmp_path / "results", monkeypatch, "resolution") == 1
    assert {row["seen"] for row in json.loads((tmp_path / "results" / "required.json").read_text(encoding="utf-8"))} == {None}


def test_only_what_was_asked_for_decides_how_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"set": name, "what": "shipped", "figures": [1.0, 1.0, 1.0]} for name in ("poleo", "DBLP-ACM")]

    def measured(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        (tmp_path / "resolution.json").write_text(json.dumps(rows), encoding="utf-8")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", measured)
    assert asked(tmp_path, monkeypatch, "resolution") == 0
    assert asked(tmp_path, monkeypatch) == 1
