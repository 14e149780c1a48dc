"""The words for dates and periods, and parts of the regular expressions that find them."""

import calendar

from mcp_context_persistence.queries.temporal.date_ranges import WEEKDAYS
from mcp_context_persistence.queries.temporal.movable_holidays import MOVABLE_HOLIDAYS

MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
SHORT_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name} | {
    "sept": 9
}
FIRST_NAMES = frozenset({"april", "may", "june", "august"})  # months that people are called, too
# The first month of each season, in the northern half of the world.
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
HOLIDAYS = {
    "new year's day": (1, 1),
    "valentine's day": (2, 14),
    "halloween": (10, 31),
    "christmas eve": (12, 24),
    "christmas day": (12, 25),
    "christmas": (12, 25),
    "boxing day": (12, 26),
    "new year's eve": (12, 31),
}
SHORT_WEEKDAYS = {
    "mon": "monday",
    "tue": "tuesday",
    "tues": "tuesday",
    "wed": "wednesday",
    "thu": "thursday",
    "thur": "thursday",
    "thurs": "thursday",
    "fri": "friday",
    "sat": "saturday",
    "sun": "sunday",
}
_ORDINALS = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first
twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth
twenty-ninth thirtieth thirty-first
"""
ORDINALS = {word: number for number, word in enumerate(_ORDINALS.split(), start=1)}
_NUMBERS = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty
"""
_TENS = "thirty forty fifty sixty seventy eighty ninety"
# The smallest and the largest number that a word means.
COUNTS = (
    {word: (number, number) for number, word in enumerate(_NUMBERS.split(), start=1)}
    | {word: (10 * number, 10 * number) for number, word in enumerate(_TENS.split(), start=3)}
    | {"a": (1, 1), "an": (1, 1), "the": (1, 1), "dozen": (12, 12), "hundred": (100, 100)}
    | {"couple": (2, 2), "couple of": (2, 2), "few": (2, 5), "several": (3, 7)}
)
# A unit of the calendar, and how many of it a word means.
UNITS = {
    "day": ("day", 1),
    "night": ("day", 1),
    "d": ("day", 1),
    "weekend": ("weekend", 1),
    "week": ("week", 1),
    "wk": ("week", 1),
    "w": ("week", 1),
    "fortnight": ("week", 2),
    "month": ("month", 1),
    "mth": ("month", 1),
    "mo": ("month", 1),
    "quarter": ("quarter", 1),
    "year": ("year", 1),
    "yr": ("year", 1),
    "y": ("year", 1),
    "decade": ("year", 10),
    "century": ("year", 100),
    "centurie": ("year", 100),
}
CLOCK_UNITS = {  # in seconds
    "hour": 3600,
    "hr": 3600,
    "h": 3600,
    "minute": 60,
    "min": 60,
    "second": 1,
    "sec": 1,
}

# Prepositions by their meaning; those that are not here mean themselves.
PREPOSITIONS = {
    "prior to": "before",
    "earlier than": "before",
    "pre-": "before",
    "till": "until",
    "til": "until",
    "up to": "until",
    "up until": "until",
    "up till": "until",
    "up through": "until",
    "no later than": "until",
    "not later than": "until",
    "on or before": "until",
    "later than": "after",
    "newer than": "after",
    "post-": "after",
    "ever since": "since",
    "on or after": "since",
    "no earlier than": "since",
    "not before": "since",
    "in between": "between",
}
# Prepositions that make a date of an ambiguous word, such as "may" or "2000".
_IN = frozenset({"in", "during", "throughout"})
_OPEN = frozenset({"since", "before", "after", "until", "by", "from"})
BEFORE_SHORT_MONTH = _IN | {"since"}
BEFORE_MODAL_MONTH = _IN  # "may" in front of a pronoun, and months that may be a person
BEFORE_YEAR = _IN | _OPEN | {"of", "around", "circa"}
BEFORE_SEASON = _IN | _OPEN | {"over", "at"}
BEFORE_DATE = BEFORE_YEAR | {"on"}
BEFORE_WEEKDAY = _OPEN | {"on", "over", "at"}
NEVER = frozenset[str]()

# Regular expressions. Those that mention whitespace literally are for `re.VERBOSE`.
SPACE = r"\s{1,3}"
DAY = r"[0-9]{1,2}(?:st|nd|rd|th)?(?![\w:%]|\.[0-9]|,[0-9]{3}(?![0-9]))"
COUNTED_UNITS = r"""
(?:words?|users?|people|persons?|characters|tokens|lines|rows|items|messages|times|miles?|
kilomet(?:er|re)s?|km|met(?:er|re)s|steps?|laps|hours?|minutes?|seconds?|days?|weeks?|months?|years?|
dollars|euros|pounds|usd|eur|gbp|percent|guests|others|(?:[kmgt]i?)?b|bytes|hz|kg|rpm|downloads)\b"""
YEAR = rf"(?:19|20)[0-9][0-9](?![\w%€$£]|[.,:][0-9]|\s{{0,3}}{COUNTED_UNITS})"
SHORT_YEAR = r"['’][0-9]{2}(?![\w%])"
NO_NUMBER_BEFORE = r"(?<![\w./:@#+-])"  # a part of an id or of a longer number is no date
NO_NUMBER_AFTER = r"(?![\w/:@-]|\.\w)"
ANY_MONTH = "|".join([*MONTHS, *SHORT_MONTHS])
ANY_SHORT_MONTH = "|".join(SHORT_MONTHS)
ANY_ORDINAL = "|".join(ORDINALS)
ANY_SEASON = "|".join(SEASONS)
ANY_HOLIDAY = "|".join([*HOLIDAYS, *MOVABLE_HOLIDAYS]).replace("'", "['’]?").replace(" ", r"\s")
ANY_WEEKDAY = "|".join(WEEKDAYS)
ANY_SHORT_WEEKDAY = "|".join(sorted(SHORT_WEEKDAYS, key=len, reverse=True))
ANY_UNIT = (
    r"(?:(?<=[0-9])[dwy]|days?|nights?|weekends?|weeks?|wks?|fortnights?|months?|mths?|mos?|"
    r"quarters?|years?|yrs?|decades?|century|centuries)"
)
ANY_CLOCK_UNIT = r"(?:(?<=[0-9])h|hours?|hrs?|minutes?|mins?|seconds?|secs?)"
_TENS_WORDS = (
    rf"(?:{'|'.join(_TENS.split())}|twenty)[\s-]{{1,3}}(?:{'|'.join(_NUMBERS.split()[:9])})\b"
)
_COUNT_WORDS = "|".join(
    sorted([*_NUMBERS.split(), *_TENS.split(), "several", "dozen"], key=len, reverse=True)
)
ANY_COUNT = (
    rf"(?:[0-9]{{1,3}}(?:\.5)?|(?:an?{SPACE})?(?:couple(?:{SPACE}of)?|few|dozen|hundred)|"
    rf"{_TENS_WORDS}|{_COUNT_WORDS})"
)
# A number of units: "half a year", "two or three weeks", "24h", "a month and a half".
NUMBER = rf"""
(?:
    (?P<half>half){SPACE}(?:(?:of{SPACE})?(?:an?|the){SPACE})?
    |(?:(?P<low>{ANY_COUNT}|an?)(?:{SPACE}(?:or|to|and){SPACE}|\s?[-–]\s?))?
     (?:(?P<digits>[0-9]{{1,3}}(?:\.5)?)\s{{0,3}}|(?P<count>{ANY_COUNT}|an?){SPACE})
     (?:and{SPACE}(?P<half_between>a{SPACE}half){SPACE})?
)"""
UNIT = rf"""
(?P<unit>{ANY_UNIT}|{ANY_CLOCK_UNIT})\b
(?:{SPACE}(?:or{SPACE}(?P<or_two>two|so)|and{SPACE}(?P<half_after>a{SPACE}half))\b)?"""
QUANTITY = NUMBER + UNIT
