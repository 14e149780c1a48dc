import json
from collections import defaultdict
from dataclasses import asdict
from typing import Any

import pytest

from bench import files, required
from bench.measure import Row
from bench.quality import confidence, context, entity_resolution, evidence, history
from bench.quality.confidence_talks import ANSWERED, STRANGE, UNANSWERED
from bench.speed import scale
from mcp_context_persistence.queries.search.training import calculate_figures


def write_confidence() -> dict[str, Any]:
    """Make the figures of the confidence."""
    certainty = {ANSWERED: 0.9, UNANSWERED: 0.5, STRANGE: 0.0}
    judged = [
        confidence.Judged(
            data_set=data_set,
            is_part=False,
            talk="talk",
            kind=kind,
            half=half,
            features={},
            evidence_share=1.0,
            tokens=100,
        )
        for data_set in ("beam", "locomo")
        for half in (0, 1)
        for kind in certainty
    ]
    values = [certainty[question.kind] for question in judged]
    return {
        "auroc": confidence.summarize_auroc(judged, values),
        "contexts": confidence.measure_contexts(judged, values, 0.1),
    }


@pytest.fixture
def results(tmp_path, monkeypatch):
    """What the benches write, made by their own functions from small figures."""
    monkeypatch.setattr(files, "RESULTS", tmp_path)
    figures = calculate_figures([True], 1)
    sets = ["chats", "chats, multi-hop", "chats, temporal", "chats, sessions", "meetings"]
    abilities = ["knowledge update", "contradiction resolution", "temporal reasoning"]
    abilities += ["multi session reasoning", "information extraction"]
    sets += ["assistants", *(f"assistants, {ability}" for ability in abilities)]
    judged = evidence.summary([(name, figures) for name in sets])
    written: dict[str, Any] = {
        "quality": dict.fromkeys(("hybrid", evidence.MEETINGS, "semantic", "keyword"), judged)
    }
    values: history.Figures = defaultdict(list)
    for ability in history.ABILITIES:
        values["others", ability, 500, "conversation"].append((1.0, 400))
        values["others", ability, 2_000, "time"].append((0.75, 1_900))
    written["history"] = {
        "contexts": history.make_results(values),
        "cases": {"changes_kept.jsonl": (14, 15)},
    }
    written["modality"] = {"modality_kept": {"stored_as_facts": 0.01}}
    written["confidence"] = write_confidence()
    written["resolution"] = entity_resolution.make_results(
        [(name, "shipped", 2, (1.0, 0.9, 0.95)) for name in ("poleo", "DBLP-ACM")]
    )
    texts: context.Figures = defaultdict(list)
    for name, tokens in (("build_context", 100), ("hybrid", 150), ("semantic", 200)):
        texts["others", 250, name].append(context.Figure(evidence=0.5, answer=None, tokens=tokens))
    written["context"] = context.make_results(texts)
    works = [
        "hybrid search over 262,000 real messages, query vector given, p50",
        "the same, growth of p50",
    ]
    times = [
        Row(work=work, ours=12.0, bare=11.0, unit="ms", ratio=1.1, need="", met=True)
        for work in works
    ]
    shares = scale.rows({"unfiltered": 0.98, "one conversation": 1.0}, (0.97, 0.99), 262_000)
    written["scale"] = [asdict(row) for row in (times[0], *shares, times[1])]
    for name, found in written.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(found))
    return tmp_path


def test_what_the_benches_write_is_read(results):
    found = {row["work"]: row for row in required.rows()}
    missing = {row["bench"] for row in found.values() if row["figure"] is None}
    assert missing == {"extraction", "peers"}  # which are not written here
    assert all(row["met"] for row in found.values() if row["figure"] is not None)
    assert found["POLE+O, B-cubed F1"]["figure"] == 0.95
    assert found["build_context, evidence by token / best of hybrid"]["figure"] == pytest.approx(
        1.5
    )
    assert found["hybrid search, large store, ours / bare calls"]["figure"] == 1.1


def test_what_falls_short_is_told(results):
    written = json.loads((results / "resolution.json").read_text())
    written[0]["figures"] = [0.9, 0.9, 0.9]
    (results / "resolution.json").write_text(json.dumps(written))
    (results / "scale.json").unlink()
    found = {row["work"]: row for row in required.rows()}
    assert not found["POLE+O, B-cubed F1"]["met"]
    assert found["vector recall@10, unfiltered"]["figure"] is None
    assert not found["vector recall@10, unfiltered"]["met"]


@pytest.mark.parametrize("text", ["", "{}", '{"auroc": {}, "contexts": {}}'])
def test_a_file_without_figures_counts_as_not_measured(results, text):
    (results / "confidence.json").write_text(text)
    figures = [row["figure"] for row in required.rows() if row["bench"] == "confidence"]
    assert figures == [None] * len(figures) != []
