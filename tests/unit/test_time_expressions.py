"""The grammar of times: what people write is read, and a formatted date is read back."""

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.queries.temporal.query_dates import find_query_dates

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)  # a Saturday
EVER, NEVER = "0001-01-01", "9999-12-31"


def read(query: str, now: datetime = NOW) -> list[str]:
    ranges = find_query_dates(query, now_ms=int(now.timestamp() * 1000)).ranges
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        " ".join(
            (epoch + timedelta(milliseconds=edge)).date().isoformat()
            for edge in (time.start_ms, time.end_ms)
        )
        for time in ranges
    ]


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("half a year ago", "2026-05-01 2026-05-31"),
        ("half a month ago", "2026-11-13 2026-11-14"),
        ("half a week ago", "2026-11-24 2026-11-25"),
        ("a year and a half ago", "2025-05-01 2025-05-31"),
        ("1.5 years ago", "2025-05-01 2025-05-31"),
        ("two and a half weeks ago", "2026-11-10 2026-11-11"),
        ("a month and a half ago", "2026-10-13 2026-10-14"),
        ("a fortnight ago", "2026-11-09 2026-11-15"),
        ("a decade ago", "2016-01-01 2016-12-31"),
        ("a couple weeks ago", "2026-11-09 2026-11-15"),
        ("several days ago", "2026-11-21 2026-11-25"),
        ("twenty-five days ago", "2026-11-03 2026-11-03"),
        ("two or three weeks ago", "2026-11-02 2026-11-15"),
        ("2-3 weeks ago", "2026-11-02 2026-11-15"),
        ("a week or two ago", "2026-11-09 2026-11-22"),
        ("a week ago today", "2026-11-21 2026-11-21"),
        ("two weeks ago yesterday", "2026-11-13 2026-11-13"),
        ("a year ago today", "2025-11-28 2025-11-28"),
        ("a week ago Monday", "2026-11-16 2026-11-16"),
        ("three weeks ago on Friday", "2026-11-06 2026-11-06"),
        ("two years ago in May", "2024-05-01 2024-05-31"),
        ("more than a year ago", f"{EVER} 2025-11-28"),
        ("less than two weeks ago", "2026-11-14 2026-11-28"),
        ("messages older than 30 days", f"{EVER} 2026-10-29"),
        ("in the last 24 hours", "2026-11-27 2026-11-28"),
        ("last 48h", "2026-11-26 2026-11-28"),
        ("twenty minutes ago", "2026-11-28 2026-11-28"),
        ("36 hours ago", "2026-11-27 2026-11-27"),
        ("in the last half year", "2026-05-01 2026-11-28"),
        ("over the past fortnight", "2026-11-09 2026-11-28"),
        ("the past week", "2026-11-16 2026-11-28"),
        ("the previous month", "2026-10-01 2026-10-31"),
        ("the current quarter", "2026-10-01 2026-12-31"),
        ("this decade", "2020-01-01 2029-12-31"),
        ("the week before last", "2026-11-09 2026-11-15"),
        ("the month before last", "2026-09-01 2026-09-30"),
        ("the night before last", "2026-11-26 2026-11-27"),
        ("the Friday before last", "2026-11-20 2026-11-20"),
        ("the summer before last", "2025-06-01 2025-08-31"),
        ("the week before last Monday", "2026-11-16 2026-11-22"),
        ("two Mondays ago", "2026-11-16 2026-11-16"),
        ("two summers ago", "2025-06-01 2025-08-31"),
        ("this Friday", "2026-11-27 2026-11-27"),
        ("on Fri", "2026-11-27 2026-11-27"),
        ("Monday last week", "2026-11-16 2026-11-16"),
        ("last week on Monday", "2026-11-16 2026-11-16"),
        ("on Tuesday of this week", "2026-11-24 2026-11-24"),
        ("over the weekend", "2026-11-28 2026-11-29"),
        ("on the 15th", "2026-11-15 2026-11-15"),
        ("the 15th of last month", "2026-10-15 2026-10-15"),
        ("year to date", "2026-01-01 2026-11-28"),
        ("this time last year", "2025-11-01 2025-11-30"),
        ("next week", "2026-11-30 2026-12-06"),
        ("the day after tomorrow", "2026-11-30 2026-11-30"),
        ("three days from now", "2026-12-01 2026-12-01"),
        ("at the end of the month", "2026-11-21 2026-11-30"),
    ],
)
def test_times_relative_to_today_are_read(query: str, days: str) -> None:
    assert read(query) == [days]


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("last year in May", "2025-05-01 2025-05-31"),
        ("last year's May", "2025-05-01 2025-05-31"),
        ("Q1 last year", "2025-01-01 2025-03-31"),
        ("in the summer of last year", "2025-06-01 2025-08-31"),
        ("the last Friday of May 2025", "2025-05-30 2025-05-30"),
        ("the first Monday in June 2024", "2024-06-03 2024-06-03"),
        ("the second Tuesday of last month", "2026-10-13 2026-10-13"),
        ("the last week in May 2025", "2025-05-25 2025-05-31"),
        ("the first two weeks of May 2025", "2025-05-01 2025-05-14"),
        ("the first day of the second week of May 2025", "2025-05-08 2025-05-08"),
        ("mid-2025", "2025-05-01 2025-08-31"),
        ("early to mid 2025", "2025-01-01 2025-08-31"),
        ("mid-1990s", "1993-05-01 1996-08-31"),
        ("the week of May 3rd, 2025", "2025-04-28 2025-05-04"),
        ("week ending 11 May 2025", "2025-05-05 2025-05-11"),
        ("the first quarter 2025", "2025-01-01 2025-03-31"),
        ("2025/01/15", "2025-01-15 2025-01-15"),
        ("on 20250115", "2025-01-15 2025-01-15"),
        ("in 03/2025", "2025-03-01 2025-03-31"),
        ("in 2024/25", "2024-01-01 2025-12-31"),
        ("since '98", f"1998-01-01 {NEVER}"),
        ("in the '90s", "1990-01-01 1999-12-31"),
        ("week 12 of 2025", "2025-03-17 2025-03-23"),
        ("CW12 2025", "2025-03-17 2025-03-23"),
        ("Wed Jan 15 10:00:00 2025", "2025-01-15 2025-01-15"),
        ("Wed, 15 Jan 2025 23:30:00 -0500", "2025-01-16 2025-01-16"),
        ("2025-01-15 20:00-22:00", "2025-01-15 2025-01-15"),
        ("2025-01-01/2025-01-31", "2025-01-01 2025-01-31"),
        ("1/13/2025-1/15/2025", "2025-01-13 2025-01-15"),
        ("Dec 30 - Jan 2, 2026", "2025-12-30 2026-01-02"),
        ("May 3 through June 5, 2025", "2025-05-03 2025-06-05"),
        ("between the 3rd and the 5th of May 2025", "2025-05-03 2025-05-05"),
        ("between May 2025 and now", "2025-05-01 2026-11-28"),
        ("from May last year to June this year", "2025-05-01 2026-06-30"),
        ("from the 1st to the 3rd", "2026-11-01 2026-11-03"),
        ("Q1-Q3 2025", "2025-01-01 2025-09-30"),
        ("from May 2025 on", f"2025-05-01 {NEVER}"),
        ("May 2025 or later", f"2025-05-01 {NEVER}"),
        ("on or after 2025-01-01", f"2025-01-01 {NEVER}"),
        ("no later than 5 May 2025", f"{EVER} 2025-05-05"),
        ("up until June 2025", f"{EVER} 2025-06-30"),
        ("pre-2020", f"{EVER} 2019-12-31"),
        ("since Monday last week", f"2026-11-16 {NEVER}"),
        ("Christmas 2024", "2024-12-25 2024-12-25"),
        ("last New Year’s Eve", "2025-12-31 2025-12-31"),
        ("Monday's meeting", "2026-11-23 2026-11-23"),
        ("the minutes of Monday’s call", "2026-11-23 2026-11-23"),
        ("two days after the first Monday in May 2025", "2025-05-07 2025-05-07"),
    ],
)
def test_dates_and_periods_are_read(query: str, days: str) -> None:
    assert read(query) == [days]


def test_dates_of_a_list_share_the_year() -> None:
    assert read("in May, June and July 2025") == [
        "2025-05-01 2025-05-31",
        "2025-06-01 2025-06-30",
        "2025-07-01 2025-07-31",
    ]
    assert read("May/June 2025") == ["2025-05-01 2025-05-31", "2025-06-01 2025-06-30"]
    assert read("December and January 2025") == ["2024-12-01 2024-12-31", "2025-01-01 2025-01-31"]
    assert read("on 3 and 5 May 2025") == ["2025-05-03 2025-05-03", "2025-05-05 2025-05-05"]
    assert read("3 May 2025 and 5 June") == ["2025-05-03 2025-05-03", "2025-06-05 2025-06-05"]


def test_an_ambiguous_period_means_all_its_readings() -> None:
    assert read("in the last decade") == ["2010-01-01 2019-12-31", "2016-11-28 2026-11-28"]
    wednesday = datetime(2026, 11, 25, tzinfo=UTC)
    assert read("next Friday", wednesday) == ["2026-11-27 2026-11-27", "2026-12-04 2026-12-04"]
    assert read("next Wednesday", wednesday) == ["2026-12-02 2026-12-02"]


@pytest.mark.parametrize(
    "query",
    [
        "What did April say about the budget?",
        "Did May call?",
        "Tell April about the plan",
        "June Carter sang",
        "August wrote to us",
        "the Sunday Times",
        "on Black Friday",
        "every Monday, on Mondays",
        "Sun Microsystems",
        "we sat in the sun",
        "at 10:30, from 9 to 5, at 20:25",
        "it costs $2025, 2025 dollars or 2025€",
        "by 2025 USD",
        "Ubuntu 24.04, Python 3.11, v2025.1, since 2024.1.3",
        "IPv4 10.12.20.25",
        "scored 4/5",
        "support on 24/7",
        "in H2 tags",
        "a quarter of the users at quarter past nine",
        "half of the users",
        "at the last minute",
        "the week, the month, the year",
        "the weekend warrior",
        "week 3 of the course",
        "W3C",
        "item 20250115",
        "photos/2025/01/15/image.jpg",
        "https://example.org/2025/01/15",
        "yt-dlp 2023.03.04",
        "on the 3rd floor, he came 2nd",
        "by now, from now on, until now",
        "a child older than 2 years",
        "two steps back, a couple of people",
        "you may 3 times",
        "in her nineties",
        "it takes two weeks, in 5 minutes, every 10 days",
        "mid-level post-office",
        "last 5 messages",
        "the previous message of the current user",
        "three days before",
    ],
)
def test_words_and_numbers_that_are_no_times_are_ignored(query: str) -> None:
    assert read(query) == []


def ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"} if number // 10 != 1 else {}
    return f"{number}{endings.get(number % 10, 'th')}"


MONTH, SHORT = calendar.month_name, calendar.month_abbr
DAY_FORMATS: list[Callable[[date], str]] = [
    lambda day: f"{day:%Y-%m-%d}",
    lambda day: f"{day:%Y/%m/%d}",
    lambda day: f"on {day:%Y.%m.%d}",
    lambda day: f"on {day:%Y%m%d}",
    lambda day: f"{day:%d.%m.%Y}",
    lambda day: f"{day.day} {MONTH[day.month]} {day.year}",
    lambda day: f"{MONTH[day.month]} {day.day}, {day.year}",
    lambda day: f"{SHORT[day.month]} {day.day} {day.year}",
    lambda day: f"{SHORT[day.month]}. {ordinal(day.day)}, {day.year}",
    lambda day: f"{MONTH[day.month].upper()} {day.day}, {day.year}",
    lambda day: f"the {ordinal(day.day)} of {MONTH[day.month]} {day.year}",
    lambda day: f"{MONTH[day.month]} the {ordinal(day.day)}, {day.year}",
    lambda day: f"{SHORT[day.month]} {ordinal(day.day)} '{day:%y}",
    lambda day: f"{day:%d}-{SHORT[day.month]}-{day.year}",
    lambda day: f"{day:%d}/{SHORT[day.month]}/{day.year}",
    lambda day: f"{day.year}-{SHORT[day.month]}-{day:%d}",
    lambda day: f"{day.year} {MONTH[day.month]} {day.day}",
    lambda day: f"{day:%A}, {day.day} {MONTH[day.month]} {day.year}",
    lambda day: f"{day:%a}, {day:%d} {SHORT[day.month]} {day.year} 10:30:00 +0000",
    lambda day: f"{day:%a} {SHORT[day.month]} {day:%d} 10:30:00 {day.year}",
    lambda day: f"{day:%A} the {ordinal(day.day)} of {MONTH[day.month]} {day.year}",
    lambda day: "{}-W{:02}-{}".format(*day.isocalendar()),
    lambda day: f"{day:%A} of week {day.isocalendar().week} of {day.isocalendar().year}",
]
DATES = st.dates(date(1995, 1, 1), date(2034, 12, 31))
TIMES = st.builds(datetime.combine, DATES, st.times(), st.just(UTC))


@given(st.sampled_from(DAY_FORMATS), DATES)
def test_a_formatted_date_is_read_back(format_day: Callable[[date], str], day: date) -> None:
    assert read(f"What did we say about the trip {format_day(day)}?") == [f"{day} {day}"]


@given(st.sampled_from(DAY_FORMATS[:9]), DATES, DATES)
def test_a_formatted_range_is_read_back(
    format_day: Callable[[date], str], first: date, last: date
) -> None:
    first, last = sorted((first, last))
    start, end = (format_day(day).removeprefix("on ") for day in (first, last))
    assert read(f"between {start} and {end}") == [f"{first} {last}"]
    assert read(f"from {start} until {end}") == [f"{first} {last}"]
    assert read(f"since {start}") == [f"{first} {NEVER}"]
    assert read(f"up to {end}") == [f"{EVER} {last}"]


@given(DATES, st.integers(0, 6))
def test_a_formatted_month_quarter_or_half_is_read_back(day: date, choice: int) -> None:
    texts = [
        f"{MONTH[day.month]} {day.year}",
        f"in {SHORT[day.month]} '{day:%y}",
        f"{day:%Y-%m}",
        f"in {day:%m/%Y}",
        f"{MONTH[day.month]} of {day.year}",
        f"Q{(day.month - 1) // 3 + 1} {day.year}",
        f"{day.year}H{(day.month - 1) // 6 + 1}",
    ]
    count = {5: 3, 6: 6}.get(choice, 1)
    first = (day.month - 1) // count * count + 1
    last_day = calendar.monthrange(day.year, first + count - 1)[1]
    assert read(texts[choice]) == [
        f"{date(day.year, first, 1)} {date(day.year, first + count - 1, last_day)}"
    ]


@given(
    TIMES,
    st.integers(-12 * 4, 14 * 4),
    st.booleans(),
)
def test_a_time_with_a_zone_is_the_day_in_utc(
    time: datetime, quarters: int, is_compact: bool
) -> None:
    time = time.replace(tzinfo=timezone(timedelta(minutes=15 * quarters)), microsecond=0)
    day = time.astimezone(UTC).date()
    text = f"{time:%Y%m%dT%H%M%S%z}" if is_compact else time.isoformat()
    assert read(f"what happened at {text}") == [f"{day} {day}"]


@given(
    TIMES,
    st.integers(1, 400),
)
def test_days_and_weeks_ago_are_counted_from_now(now: datetime, count: int) -> None:
    day = now.date() - timedelta(days=count)
    assert read(f"{count} days ago", now) == [f"{day} {day}"]
    assert read(f"the last {count} days", now) == [f"{day} {now.date()}"]
    assert read(f"older than {count} days", now) == [f"{EVER} {day}"]
    weeks_ago = now.date() - timedelta(weeks=count)
    assert read(f"{count} weeks ago today", now) == [f"{weeks_ago} {weeks_ago}"]
    monday = weeks_ago - timedelta(days=weeks_ago.weekday())
    assert read(f"{count} weeks ago", now) == [f"{monday} {monday + timedelta(days=6)}"]
    hours_ago = (now - timedelta(hours=count)).date()
    assert read(f"in the last {count} hours", now) == [f"{hours_ago} {now.date()}"]
