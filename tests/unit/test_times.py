from datetime import UTC, datetime

import pytest

from queries.times import Span, times

NOW = int(datetime(2026, 11, 25, 15, tzinfo=UTC).timestamp() * 1000)  # a Wednesday


def shown(spans: tuple[Span, ...]) -> list[str]:
    def day(moment: int) -> str:
        return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d")

    assert all(span.start_ms < span.end_ms for span in spans)
    return [f"{day(span.start_ms)} {day(span.end_ms)}" for span in spans]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("What did she paint on October 13, 2023?", "2023-10-13 2023-10-13"),
        ("the 8th of December, 2023", "2023-12-08 2023-12-08"),
        ("December 1,2023", "2023-12-01 2023-12-01"),
        ("on 3 Sept 2021", "2021-09-03 2021-09-03"),
        ("2023-05-08?", "2023-05-08 2023-05-08"),
        ("since 2024-02", "2024-02-01 2024-02-29"),
        ("in May 2022", "2022-05-01 2022-05-31"),
        ("what changed in 2023", "2023-01-01 2023-12-31"),
        ("today", "2026-11-25 2026-11-25"),
        ("what I said yesterday", "2026-11-24 2026-11-24"),
        ("three days ago", "2026-11-22 2026-11-22"),
        ("last week", "2026-11-16 2026-11-22"),
        ("this week", "2026-11-23 2026-11-29"),
        ("2 weeks ago", "2026-11-09 2026-11-15"),
        ("last month", "2026-10-01 2026-10-31"),
        ("a year ago", "2025-01-01 2025-12-31"),
        ("last December", "2025-12-01 2025-12-31"),
        ("last May", "2026-05-01 2026-05-31"),
        ("next March", "2027-03-01 2027-03-31"),
        ("on Monday", "2026-11-23 2026-11-23"),
        ("last Wednesday", "2026-11-18 2026-11-18"),
        ("999 years ago", "1027-01-01 1027-12-31"),
    ],
)
def test_a_time_is_read(query: str, named: str) -> None:
    assert shown(times(query, now_ms=NOW).named) == [named]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "What may we do?",
        "March on!",
        "may",
        "45 May 2023",
        "2023-13-01",
        "Jan said so",
        "100 apples",
        "room 2023",
        "last summer",
    ],
)
def test_what_is_no_time_is_left_alone(query: str) -> None:
    assert not times(query, now_ms=NOW)


def test_around_a_day_or_a_week_is_its_month() -> None:
    assert shown(times("on 8 May 2023", now_ms=NOW).around) == ["2023-05-01 2023-05-31"]
    assert shown(times("in 2023", now_ms=NOW).around) == ["2023-01-01 2023-12-31"]
    assert shown(times("2026-03-31", now_ms=NOW).around) == ["2026-03-01 2026-03-31"]


def test_a_month_without_a_year_is_that_of_any_year() -> None:
    found = times("When did we go camping in June?", now_ms=NOW)
    assert "2019-06-01 2019-06-30" in shown(found.named)
    assert {span[5:7] for span in shown(found.named)} == {"06"}


def test_two_times_are_both_looked_at() -> None:
    assert shown(times("between 3 May 2022 and June 2022", now_ms=NOW).named) == ["2022-05-03 2022-05-03", "2022-06-01 2022-06-30"]
