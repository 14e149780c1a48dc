"""Timelines: the whole history of a topic in the order of time, in results and in contexts."""

import re
from datetime import UTC, datetime

import pytest

from mcp_context_persistence.exceptions import ValidationError

MONTHS = 12
FILLER = "There is a lot to say about it, and the notes of that day have all the details. " * 4
CODE = "```python\nfor greenhouse in greenhouses:\n    greenhouse.heat()\n```"
DAY = re.compile(r"^# (\d+ \w+ \d{4})$", re.MULTILINE)


def say(number, content, role="user"):
    month, day = divmod(number, 2)
    return {
        "id": f"g{number}",
        "role": role,
        "content": content,
        "timestamp": datetime(2024, month + 1, 1 + 14 * day, 9, tzinfo=UTC),
    }


@pytest.fixture
def garden(client):
    """A year with a greenhouse: a short statement and a long one each month, and other things."""
    steps = [
        "I want to build a greenhouse.",
        "I chose glass for the greenhouse.",
        "The greenhouse has a foundation.",
        "The frame of the greenhouse stands.",
        "The greenhouse got its windows.",
        "I decided to heat the greenhouse.",
        "The heater of the greenhouse is broken.",
        "I repaired the greenhouse heater.",
        "Tomatoes grow in the greenhouse.",
        "I added a greenhouse door.",
        "The greenhouse survived a storm.",
        "I sell tomatoes from the greenhouse.",
    ]
    for month, step in enumerate(steps):
        client.save_conversation(
            f"month-{month + 1}",
            [
                say(2 * month, f"{step} {FILLER}"),
                say(2 * month + 1, f"Good news about the greenhouse. {CODE} {FILLER}", "assistant"),
            ],
        )
    client.save_conversation("other", [say(3, "The car needs new tyres.") | {"id": "car"}])
    return client


def list_times(context):
    return [citation.timestamp for citation in context.citations]


def test_the_context_has_the_whole_history_in_the_order_of_time(garden):
    context = garden.build_context(
        "How did my greenhouse go over time?", 600, order="time", instruction_share=0
    )
    assert context.tokens <= 600
    times = list_times(context)
    assert times == sorted(times)
    assert {time.month for time in times} == set(range(1, MONTHS + 1))
    days = [
        datetime.strptime(day, "%d %B %Y").replace(tzinfo=UTC) for day in DAY.findall(context.text)
    ]
    assert days == sorted(set(days))
    assert len(days) >= MONTHS


def test_the_lines_are_short_and_have_the_sentence_with_the_words(garden):
    context = garden.build_context("greenhouse", 2_000, order="time", instruction_share=0)
    lines = [line for line in context.text.splitlines() if line.startswith("[")]
    assert lines
    assert all(len(line) < 130 for line in lines)
    assert all("greenhouse" in line.lower() for line in lines if "[m:car]" not in line)
    assert "heat()" not in context.text


def test_a_timeline_shows_more_messages_than_the_usual_context(garden):
    usual = garden.build_context("greenhouse", 400, instruction_share=0)
    timeline = garden.build_context("greenhouse", 400, order="time", instruction_share=0)
    assert len(timeline.citations) > len(usual.citations)
    assert timeline.tokens <= 400


def test_the_budget_is_spread_over_the_parts_of_the_history(client):
    """A month in which everything is about the topic does not take all lines."""
    for month in range(1, 7):
        count = 30 if month == 6 else 2
        client.save_conversation(
            f"month-{month}",
            [
                {
                    "id": f"{month}:{number}",
                    "role": "user",
                    "content": f"Step {month}.{number} of the boat repair is finished.",
                    "timestamp": datetime(2024, month, 1, 9, number, tzinfo=UTC),
                }
                for number in range(count)
            ],
        )
    context = client.build_context("the boat repair", 600, order="time", instruction_share=0)
    months = {citation.timestamp.month for citation in context.citations}
    assert months == set(range(1, 7))
    assert len(context.citations) < 40
    assert context.tokens <= 600


def test_the_recipe_timeline_orders_results_by_time_over_the_whole_history(garden):
    for limit in (6, 12):
        answer = garden.search_hybrid("the greenhouse", recipe="timeline", limit=limit)
        times = [result.timestamp for result in answer.results]
        assert times == sorted(times)
        assert len(times) == limit
        assert len({time.month for time in times}) >= limit // 2
        assert {time.month // 5 for time in times} == {0, 1, 2}
        assert answer.best_score == max(result.similarity_score for result in answer.results)
    assert {result.type for result in answer.results} <= {
        "message",
        "decision",
        "instruction",
        "document",
    }


def test_the_recipe_of_a_timeline_may_be_another_one(garden):
    few = {"vector_candidates": 1, "keyword_candidates": 1, "neighbor_window": 0}
    usual, fewer = (
        garden.build_context("greenhouse", 2_000, order="time", instruction_share=0, **recipe)
        for recipe in ({}, {"recipe": few})
    )
    assert 0 < len(fewer.citations) < len(usual.citations)


def test_decisions_and_documents_are_part_of_a_timeline(garden):
    garden.save_decision(
        "month-6", "heating", context="The greenhouse is cold", outcome="Heat the greenhouse"
    )
    garden.save_document("manual", "The greenhouse heater needs gas.")
    context = garden.build_context("greenhouse heater", 1_500, order="time")
    assert {citation.type for citation in context.citations} == {"message", "decision", "document"}


@pytest.mark.parametrize("order", ["relevance", "Time", "", None, 3, True, ["time"]])
def test_an_unknown_order_is_refused_by_name(client, order):
    with pytest.raises(ValidationError, match=r"^order must be one of: conversation, time$"):
        client.build_context("greenhouse", order=order)


def test_a_timeline_of_nothing_says_so(client):
    context = client.build_context("greenhouse", order="time")
    assert (context.text, context.notes) == ("", ["nothing was found"])
