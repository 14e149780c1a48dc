"""How the peers' answers are exchanged and scored."""

import json
import sys
from pathlib import Path

import pytest

from bench.peers import environments
from bench.peers.__main__ import score
from bench.peers.exchange import Question, Text, serve, vectors
from bench.peers.ours import Answer

pytestmark = pytest.mark.unit

TEXT = {
    "id": "D1:1",
    "text": "Ann: hello",
    "role": "user",
    "speaker": "Ann",
    "session": "s",
    "time": "2026-01-01",
    "vector": [1.0],
}
QUESTIONS = [
    {"id": str(number), "text": f"question {number}", "vector": [0.5]} for number in range(2)
]


def test_every_question_is_asked_with_every_search_and_a_failing_one_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, answers = tmp_path / "given", tmp_path / "answers"
    lines = [{"text": TEXT}, *({"question": one} for one in QUESTIONS)]
    given.write_text("\n".join(map(json.dumps, lines)))
    monkeypatch.setattr(sys, "argv", ["peer", str(given), str(answers)])

    def prepare(texts: list[Text], questions: list[Question]) -> dict:
        assert vectors(texts, questions) == {
            "Ann: hello": [1.0],
            "question 0": [0.5],
            "question 1": [0.5],
        }

        def second_fails(question: Question) -> list[str]:
            if question.id == "1":
                raise ValueError("no\nsecond line")
            return []

        return {"all": lambda _: [texts[0].id], "some": second_fails}

    serve(prepare)

    found = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [(one["settings"], one["question"], one["ids"]) for one in found] == [
        ("all", "0", ["D1:1"]),
        ("all", "1", ["D1:1"]),
        ("some", "0", []),
        ("some", "1", []),
    ]
    assert all(one["seconds"] >= 0 for one in found[:3])
    assert found[3]["seconds"] is None
    assert found[3]["error"] == "ValueError: no"


def test_a_question_that_fails_counts_as_one_that_found_nothing() -> None:
    answers = [
        Answer(settings="a", namespace="n", question="0", ids=["x", "y"], seconds=0.002),
        Answer(
            settings="a", namespace="n", question="1", ids=[], seconds=None, error="ValueError: no"
        ),
    ]

    [row] = score("driver", answers, {("n", "0"): {"y", "z"}, ("n", "1"): {"x"}})

    assert row["R@10"] == pytest.approx(0.25)
    assert row["MRR"] == pytest.approx(0.25)
    assert row["p50 ms"] == pytest.approx(2.0)
    assert (row["failed"], row["error"]) == (1, "ValueError: no")


@pytest.mark.parametrize("name", environments.PEERS)
def test_every_peer_has_its_module_and_a_pinned_version(name: str) -> None:
    assert environments.requirements(name).with_suffix(".py").is_file()
    assert environments.version(name)[0].isdigit()
    assert "://" not in environments.requirements(name).read_text()
