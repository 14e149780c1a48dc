import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_context_persistence.queries.temporal.query_dates import TimeRange, find_query_dates

NOW = int(datetime(2026, 11, 25, 15, tzinfo=UTC).timestamp() * 1000)  # a Wednesday
MARCH = int(datetime(2026, 3, 10, tzinfo=UTC).timestamp() * 1000)
EVER, NEVER = "0001-01-01", "9999-12-31"


def format_ranges(ranges: tuple[TimeRange, ...]) -> list[str]:
    def day(milliseconds: int) -> str:
        date = datetime.fromtimestamp(milliseconds / 1000, UTC)
        return f"{date.year:04}-{date:%m-%d}"

    assert all(days.start_ms < days.end_ms for days in ranges)
    return [f"{day(days.start_ms)} {day(days.end_ms)}" for days in ranges]


def read(query: str, now_ms: int = NOW) -> list[str]:
    return format_ranges(find_query_dates(query, now_ms=now_ms).ranges)


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("What did she paint on October 13, 2023?", "2023-10-13 2023-10-13"),
        ("the 8th of December, 2023", "2023-12-08 2023-12-08"),
        ("the eighth of December 2023", "2023-12-08 2023-12-08"),
        ("December 1,2023", "2023-12-01 2023-12-01"),
        ("03-May-2023", "2023-05-03 2023-05-03"),
        ("on Friday, 5 May 2023", "2023-05-05 2023-05-05"),
        ("on 3 Sept 2021", "2021-09-03 2021-09-03"),
        ("2023-05-08?", "2023-05-08 2023-05-08"),
        ("what was said at 2023-05-08T10:00:00Z", "2023-05-08 2023-05-08"),
        ("in 2024-02", "2024-02-01 2024-02-29"),
        ("in May 2022", "2022-05-01 2022-05-31"),
        ("what changed in 2023", "2023-01-01 2023-12-31"),
        ("in 1975", "1975-01-01 1975-12-31"),
        ("on 3 May 1962", "1962-05-03 1962-05-03"),
        ("in the 1980s", "1980-01-01 1989-12-31"),
        ("in 2020-2021", "2020-01-01 2021-12-31"),
        ("in 2020–21", "2020-01-01 2021-12-31"),
        ("today", "2026-11-25 2026-11-25"),
        ("this morning", "2026-11-25 2026-11-25"),
        ("what I said yesterday", "2026-11-24 2026-11-24"),
        ("last night", "2026-11-24 2026-11-25"),
        ("the day before yesterday", "2026-11-23 2026-11-23"),
        ("three days ago", "2026-11-22 2026-11-22"),
        ("a couple of days ago", "2026-11-23 2026-11-23"),
        ("a few days ago", "2026-11-20 2026-11-23"),
        ("last week", "2026-11-16 2026-11-22"),
        ("this week", "2026-11-23 2026-11-29"),
        ("2 weeks ago", "2026-11-09 2026-11-15"),
        ("in the last two weeks", "2026-11-09 2026-11-25"),
        ("over the past 3 days", "2026-11-22 2026-11-25"),
        ("last weekend", "2026-11-21 2026-11-22"),
        ("two weekends ago", "2026-11-14 2026-11-15"),
        ("last month", "2026-10-01 2026-10-31"),
        ("last quarter", "2026-07-01 2026-09-30"),
        ("a year ago", "2025-01-01 2025-12-31"),
        ("last December", "2025-12-01 2025-12-31"),
        ("last May", "2026-05-01 2026-05-31"),
        ("the May before last", "2025-05-01 2025-05-31"),
        ("the December before last", "2024-12-01 2024-12-31"),
        ("next March", "2027-03-01 2027-03-31"),
        ("on Monday", "2026-11-23 2026-11-23"),
        ("last Wednesday", "2026-11-18 2026-11-18"),
        ("999 years ago", "1027-01-01 1027-12-31"),
    ],
)
def test_dates_and_relative_times_are_read(query: str, days: str) -> None:
    assert read(query) == [days]


def test_only_the_first_year_of_a_list_needs_a_preposition() -> None:
    years = ["2019-01-01 2019-12-31", "2020-01-01 2020-12-31", "2021-01-01 2021-12-31"]
    assert read("what changed in 2019, 2020 and 2021") == years
    assert read("2019, 2020 and 2021") == []
    assert read("in 2019 and 2000 words") == years[:1]


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("Q3 2023", "2023-07-01 2023-09-30"),
        ("2023 Q1", "2023-01-01 2023-03-31"),
        ("the third quarter of 2023", "2023-07-01 2023-09-30"),
        ("last summer", "2026-06-01 2026-08-31"),
        ("last fall", "2025-09-01 2025-11-30"),
        ("last winter", "2025-12-01 2026-02-28"),
        ("this summer", "2026-06-01 2026-08-31"),
        ("in the summer of 2022", "2022-06-01 2022-08-31"),
        ("Autumn 2021", "2021-09-01 2021-11-30"),
        ("winter 2022/23", "2022-12-01 2023-02-28"),
        ("the first week of May 2023", "2023-05-01 2023-05-07"),
        ("the last week of last May", "2026-05-25 2026-05-31"),
        ("during the week of May 10, 2023", "2023-05-08 2023-05-14"),
        ("in the 3rd week of June 2023", "2023-06-15 2023-06-21"),
        ("the second weekend of June 2023", "2023-06-10 2023-06-11"),
        ("on the last day of 2022", "2022-12-31 2022-12-31"),
        ("in the first half of 2023", "2023-01-01 2023-06-30"),
        ("late 2022", "2022-09-01 2022-12-31"),
        ("early last year", "2025-01-01 2025-04-30"),
        ("early May 2023", "2023-05-01 2023-05-10"),
        ("mid-June 2023", "2023-06-11 2023-06-20"),
        ("at the end of February 2023", "2023-02-19 2023-02-28"),
        ("3.5.2023", "2023-05-03 2023-05-03"),
        ("on 25/12/2022", "2022-12-25 2022-12-25"),
        ("on 12/25/2022", "2022-12-25 2022-12-25"),
        ("two weeks before 3 August 2023", "2023-07-17 2023-07-23"),
        ("the week before 9 June 2023", "2023-05-29 2023-06-08"),
        ("the day after 31 December 2022", "2023-01-01 2023-01-01"),
        ("the month before May 2023", "2023-04-01 2023-04-30"),
        ("the Sunday before October 25, 2022", "2022-10-23 2022-10-23"),
        ("last weekend before April 10, 2023", "2023-04-08 2023-04-09"),
        ("the weekend after 12 April 2023", "2023-04-15 2023-04-16"),
        ("the Friday after 12 April 2023", "2023-04-14 2023-04-14"),
        ("in May last year", "2025-05-01 2025-05-31"),
        ("early January of this year", "2026-01-01 2026-01-10"),
        ("two years after 2019", "2021-01-01 2021-12-31"),
        ("The nineties", "1990-01-01 1999-12-31"),
        ("the 70s were loud", "1970-01-01 1979-12-31"),
        ("photos from Easter 2023", "2023-04-07 2023-04-10"),
        ("on Good Friday 2024", "2024-03-29 2024-03-29"),
        ("pancakes on Shrove Tuesday 2025", "2025-03-04 2025-03-04"),
        ("on Whit Monday 2000", "2000-06-12 2000-06-12"),
        ("at Easter last year", "2025-04-18 2025-04-21"),
        ("last Easter Monday", "2026-04-06 2026-04-06"),
        ("thanksgiving 2023", "2023-11-23 2023-11-23"),
        ("in the run-up to May 2023", "2023-05-01 2023-05-31"),
    ],
)
def test_periods_are_read(query: str, days: str) -> None:
    assert read(query) == [days]


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("between May and July 2023", "2023-05-01 2023-07-31"),
        ("between November and February 2023", "2022-11-01 2023-02-28"),
        ("from 3 May to 5 June 2023", "2023-05-03 2023-06-05"),
        ("from May 2022 until July", "2022-05-01 2022-07-31"),
        ("from March 2022 through the first week of May 2023", "2022-03-01 2023-05-07"),
        ("May-July 2023", "2023-05-01 2023-07-31"),
        ("Jan-Mar 2023", "2023-01-01 2023-03-31"),
        ("3-5 May 2023", "2023-05-03 2023-05-05"),
        ("from the 3rd to the 5th of May 2023", "2023-05-03 2023-05-05"),
        ("between 3 and 5 May 2023", "2023-05-03 2023-05-05"),
        ("May 3 to 5, 2023", "2023-05-03 2023-05-05"),
        ("between May 3 and June 5, 2023", "2023-05-03 2023-06-05"),
        ("2023-01-01 to 2023-02-01", "2023-01-01 2023-02-01"),
        ("2023-01-01 - 2023-02-01", "2023-01-01 2023-02-01"),
        ("between 2020 and 2022", "2020-01-01 2022-12-31"),
        ("from 2020 to 2022", "2020-01-01 2022-12-31"),
        ("since May of last year", f"2025-05-01 {NEVER}"),
        ("between 3 May 2022 and June 2022", "2022-05-03 2022-06-30"),
        ("from last Monday to yesterday", "2026-11-23 2026-11-24"),
        ("after 3 May 2023 and before 5 June 2023", "2023-05-04 2023-06-04"),
        ("since May 2022 until June 2022", "2022-05-01 2022-06-30"),
        ("before 1985", f"{EVER} 1984-12-31"),
        ("after 2021", f"2022-01-01 {NEVER}"),
        ("since 2024-02", f"2024-02-01 {NEVER}"),
        ("since last winter", f"2025-12-01 {NEVER}"),
        ("until yesterday", f"{EVER} 2026-11-24"),
        ("by May 2023", f"{EVER} 2023-05-31"),
        ("before the 3rd of May", f"{EVER} 2026-05-02"),
        ("before June", f"{EVER} 2026-05-31"),
        ("after March", f"2026-04-01 {NEVER}"),
        ("since August", f"2026-08-01 {NEVER}"),
        ("since Monday", f"2026-11-23 {NEVER}"),
        ("until Friday", f"{EVER} 2026-11-27"),
        ("before early May 2023", f"{EVER} 2023-04-30"),
        ("from May 2022 onwards", f"2022-05-01 {NEVER}"),
    ],
)
def test_ranges_and_open_ends_are_read(query: str, days: str) -> None:
    assert read(query) == [days]


def test_a_month_with_an_open_end_is_the_nearest_month() -> None:
    assert read("before June", MARCH) == [f"{EVER} 2026-05-31"]
    assert read("before October", MARCH) == [f"{EVER} 2025-09-30"]
    assert read("since June", MARCH) == [f"2025-06-01 {NEVER}"]
    assert read("since March", MARCH) == [f"2026-03-01 {NEVER}"]


def test_an_ambiguous_date_means_both_readings() -> None:
    assert read("on 5/3/2023") == ["2023-03-05 2023-03-05", "2023-05-03 2023-05-03"]
    assert read("from 5/3/2023 to 6/3/2023") == ["2023-03-05 2023-03-06", "2023-05-03 2023-06-03"]
    assert read("in winter 2022") == ["2022-01-01 2022-02-28", "2022-12-01 2023-02-28"]
    assert read("on 5/5/2023") == ["2023-05-05 2023-05-05"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "What may we do?",
        "may I",
        "before you ask, may I come",
        "This may be wrong, and the last may not.",
        "March on!",
        "march 10 miles",
        "top 3 may be",
        "step 3 may fail",
        "may",
        "45 May 2023",
        "2023-13-01",
        "Jan said so",
        "100 apples",
        "room 2023",
        "version 3.5.2026",
        "v3.5.2026",
        "3.5.2026.1",
        "RFC 2119-10-10",
        "RFC 2045-10-10",
        "conv-2023-05-08T10:00:00Z-ab",
        "log_2023-05-08.txt",
        "id 2023-05-08-77",
        "CVE-2023-05",
        "release-may-2023-final",
        "conv-3-may-2023",
        "lines 2000-2010",
        "last day of the trip",
        "last week of the trip",
        "first week",
        "after 2000 users",
        "in 1000 words",
        "in 2000 words",
        "after 2048 tokens",
        "between 2000 and 2010 users",
        "for $2000",
        "in 2000km",
        "second of all",
        "Q3",
        "spring cleaning",
        "in Spring Boot",
        "since the fall of Rome",
        "before lunch",
        "99/99/2023",
        "31/02/2023",
        "the boat on Easter Island",
        "a good Friday",
        "temperatures near the 80s",
    ],
)
def test_text_that_only_looks_like_a_date_is_ignored(query: str) -> None:
    dates = find_query_dates(query, now_ms=NOW)
    assert not dates
    assert dates.spans == ()


def test_days_and_weeks_are_widened_to_their_month() -> None:
    assert format_ranges(find_query_dates("on 8 May 2023", now_ms=NOW).months) == [
        "2023-05-01 2023-05-31"
    ]
    assert format_ranges(find_query_dates("in 2023", now_ms=NOW).months) == [
        "2023-01-01 2023-12-31"
    ]
    assert format_ranges(find_query_dates("2026-03-31", now_ms=NOW).months) == [
        "2026-03-01 2026-03-31"
    ]
    assert format_ranges(find_query_dates("before 1985", now_ms=NOW).months) == [
        f"{EVER} 1984-12-31"
    ]


@pytest.mark.parametrize(
    "query",
    [
        "When did we go camping in June?",
        "in early June",
        "the first week of June",
        "3 June",
        "June 3-5",
    ],
)
def test_a_month_without_a_year_means_that_month_of_any_year(query: str) -> None:
    ranges = read(query)
    assert {"1990", "2019", "2027"} < {days[:4] for days in ranges}
    assert {days[5:7] for days in ranges} == {"06"}


def test_a_period_without_a_year_means_that_period_of_any_year() -> None:
    assert "2019-11-01 2020-02-29" in read("between November and February")
    assert "2019-06-01 2019-08-31" in read("What did we do in the summer?")
    assert "2019-07-01 2019-09-30" in read("what we sold in Q3")


def test_two_dates_are_both_returned() -> None:
    assert read("on 3 May 2022 and in June 2022") == [
        "2022-05-03 2022-05-03",
        "2022-06-01 2022-06-30",
    ]
    assert read("5 June 2023 to 3 May 2022") == ["2023-06-05 2023-06-05", "2022-05-03 2022-05-03"]


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("What did 3 people paint on May 7, 2023?", "What did 3 people paint  ?"),
        ("İ said it in 2023, for 20 euros", "İ said it  , for 20 euros"),
        ("logs between May and July 2023 of 5 hosts", "logs   of 5 hosts"),
        ("in 2000 words", "in 2000 words"),
        ("two weeks before 3 August 2023", " "),
    ],
)
def test_spans_cover_the_words_of_a_date(query: str, rest: str) -> None:
    text, position = "", 0
    for start, end in find_query_dates(query, now_ms=NOW).spans:
        text, position = f"{text}{query[position:start]} ", end
    assert text + query[position:] == rest


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        ("in Aprıl 2023", "in April 2023"),
        ("sİx days ago", "six days ago"),
        ("the fırst week of Auguſt 2023", "the first week of August 2023"),
        ("last wee\u212aend", "last weekend"),
    ],
)
def test_letters_that_match_latin_ones_without_case_are_read_as_those(
    query: str, plain: str
) -> None:
    assert find_query_dates(query, now_ms=NOW) == find_query_dates(plain, now_ms=NOW)
    assert read(query)


WORDS = """
in on of the may March june sept monday weekend week month year day days ago last this next first
second third half quarter early late mid end before after since until by from to between and - / .
, 3 31 2000 2023 1975 2023-05-08 5/3/2023 3rd Q3 summer winter fall two 999 yesterday RFC users İ
ſ
"""


@given(
    st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join) | st.text(max_size=60),
    st.sampled_from([NOW, MARCH, 0]),
)
def test_any_text_is_accepted(query: str, now_ms: int) -> None:
    dates = find_query_dates(query, now_ms=now_ms)
    assert all(days.start_ms <= days.end_ms for days in (*dates.ranges, *dates.months))
    assert bool(dates) == bool(dates.spans)
    assert all(0 <= start < end <= len(query) for start, end in dates.spans)


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        ("last fr\u0131day", "last friday"),
        ("on fr\u0130day", "on friday"),
        ("in augu\u017ft 2023", "in august 2023"),
        ("past \u017fix months", "past six months"),
        ("the \u017fecond week of May 2023", "the second week of May 2023"),
        ("two wee\u212as ago", "two weeks ago"),
    ],
)
def test_letters_with_an_unusual_case_are_read_as_latin_ones(query: str, plain: str) -> None:
    assert find_query_dates(query, now_ms=NOW) == find_query_dates(plain, now_ms=NOW)
    assert find_query_dates(plain, now_ms=NOW)


@pytest.mark.parametrize(
    "phrase",
    [
        "may ",
        "in ",
        " ",
        "3 ",
        "2023-05-08 to ",
        "between ",
        "the ",
        "first week of ",
        "3-",
        "20",
        "5/3/2023",
        "since 2023 ",
        "٣ ",
    ],
)
def test_a_long_query_takes_less_than_three_seconds(phrase: str) -> None:
    start = time.process_time()
    find_query_dates(phrase * (100_000 // len(phrase)), now_ms=NOW)
    assert time.process_time() - start < 3
