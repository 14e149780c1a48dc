"""The parts of a timeline: what is chosen, and what each line shows."""

import pytest

from mcp_context_persistence.queries.prompt_context.timeline import LINE_CHARACTERS, shorten
from mcp_context_persistence.queries.prompt_context.windows import QueryWords
from mcp_context_persistence.queries.search.candidate import Candidate, ScoredCandidate
from mcp_context_persistence.queries.search.time_spread import order_by_time, spread_over_time


def show(text, *words):
    candidate = Candidate(kind="message", id="m", content=text)
    return shorten(candidate, QueryWords(words=words)).content


def spread(values, segments, times=None):
    items = list(enumerate(values))
    chosen = spread_over_time(
        items,
        relevance=lambda item: item[1],
        time=lambda item: times[item[0]] if times else item[0],
        segments=segments,
    )
    return [index for index, _ in chosen]


def test_the_best_of_each_part_come_first():
    assert spread([5, 4, 3, 3, 3, 2], 3)[:3] == [0, 2, 4]
    assert spread([9, 8, 7, 1, 1, 1], 2) == [0, 1, 2, 3, 4, 5]
    assert spread([1, 1, 1, 1], 1) == [0, 1, 2, 3]


def test_a_busy_day_and_a_quiet_year_have_several_parts_each():
    times = [*range(4), *(100 + hour / 10 for hour in range(8))]
    quiet = [0, 1, 2, 3]
    assert len(set(spread([1] * 12, 4, times)[:4]) & set(quiet)) in {1, 2}
    months = [0, 100, 200, 300, *(301 + hour / 10 for hour in range(40))]
    first = spread([1] * 44, 8, months)[:5]
    assert len([index for index in first if index < 4]) >= 3
    assert len([index for index in first if index >= 4]) >= 1


def test_the_same_time_for_everything_still_has_parts():
    assert spread([3, 2, 2, 1], 2, [7, 7, 7, 7])[:2] == [0, 2]


@pytest.mark.parametrize("segments", [1, 2, 3, 7, 100])
def test_each_item_comes_once(segments):
    for count in (0, 1, 2, 5, 12, 50):
        assert sorted(spread([1] * count, segments)) == list(range(count))
    assert sorted(spread([0] * 5, segments)) == list(range(5))


def test_a_line_has_the_sentence_with_the_words():
    text = "It rained all day. The greenhouse got a new door. Then we had tea with honey, I think."
    assert "The greenhouse got a new door." in show(text, "greenhouse", "door")
    assert show("Short text.", "greenhouse") == "Short text."
    assert show("It rained. " * 40, "greenhouse").startswith("It rained. It rained.")


@pytest.mark.parametrize(
    "text",
    [
        "word " * 300,
        "x" * 1_000,
        "One, two, three; " * 50,
        "A sentence that is too long for a line, with much about the greenhouse, and more.",
        "Line.\n" * 100,
        "日本語のとても長い文です" * 40,
        "~~~ " + "greenhouse with a long title " * 20,
        "```\n" + "greenhouse = build(glass) " * 20,
    ],
)
def test_lines_are_short_and_single(text):
    line = show(text, "greenhouse")
    assert line
    assert len(line) <= LINE_CHARACTERS + 4  # the marks for omitted text
    assert "\n" not in line


def test_code_is_left_out_unless_there_is_only_code():
    code = "```python\ngreenhouse = build()\n```"
    assert show(f"I built it.\n{code}\nIt is warm.", "greenhouse") == "I built it. It is warm."
    assert "build()" in show(code, "greenhouse")
    assert show(f"I built it.\n{code[:-4]}", "greenhouse") == "I built it."


@pytest.mark.parametrize("limit", range(1, 9))
def test_a_superseded_message_is_never_without_the_later_one(limit):
    """The later one is the least relevant message of the part with the most messages."""
    scored = [
        ScoredCandidate(score, Candidate("message", f"m{time}", "talk", time, position=time))
        for time, score in enumerate((0.9, 0.8, 0.5, 0.7, 0.6, 0.9, 0.8, 0.1))
    ]
    scored.append(ScoredCandidate(0.9, Candidate("decision", "m0", "talk", 3)))
    changes = {"m0": scored[7].candidate}
    results = order_by_time(scored, segments=2, limit=limit, changes=changes)
    ids = [entry.candidate.id for entry in results if entry.candidate.kind == "message"]
    assert "m0" not in ids or "m7" in ids
    assert len(results) == limit
    times = [entry.candidate.timestamp_ms for entry in results]
    assert times == sorted(times)
    everything = order_by_time(scored, segments=2, limit=99, changes=changes)
    assert len(everything) == len(scored)
