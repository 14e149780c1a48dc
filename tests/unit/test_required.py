"""The table of what is asked for reads what the benches write."""

from collections import defaultdict

import pytest

from bench import context, required, resolution


def asked(bench: str) -> dict[str, required.Asked]:
    return {one.work: one for one in required.ASKED if one.bench == bench}


def test_figures_of_texts_for_prompts_are_read_over_all_conversations() -> None:
    figures: context.Figures = defaultdict(list)
    for part, tokens in zip(context.PARTS, (100, 200, 400), strict=True):
        figures[part, 250, "semantic"].append(context.Figure(evidence=0.5, answer=None, tokens=tokens))
        figures[part, 250, "hybrid"].append(context.Figure(evidence=0.5, answer=None, tokens=tokens))
        figures[part, 250, "build_context"].append(context.Figure(evidence=0.5, answer=None, tokens=100))
    (only,) = asked("context").values()
    assert only.read(context.rows(figures)) == pytest.approx(4.0)


def test_figures_of_resolution_are_read_by_set() -> None:
    lines: list[resolution.Line] = [
        ("poleo", "shipped", 50, (1.0, 0.98, 0.99)),
        ("poleo", "held-out half, threshold 0.85", 25, (0.1, 0.1, 0.1)),
        ("DBLP-ACM", "shipped", 9, (0.9, 0.96, 0.93)),
    ]
    found = {work: one.read(resolution.rows(lines)) for work, one in asked("resolution").items()}
    assert found == {"POLE+O, B-cubed precision": 1.0, "POLE+O, B-cubed F1": 0.99, "DBLP-ACM, pairs, F1": 0.93}


@pytest.mark.parametrize("bench", sorted(required.BENCHES))
def test_what_was_not_measured_is_not_met(bench: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(required, "RESULTS", tmp_path)
    assert {(row["seen"], row["met"]) for row in required.rows() if row["bench"] == bench} == {(None, False)}
    (tmp_path / f"{bench}.json").write_text("{}")
    assert {(row["seen"], row["met"]) for row in required.rows() if row["bench"] == bench} == {(None, False)}
