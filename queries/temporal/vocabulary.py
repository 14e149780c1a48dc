"""The words for dates and periods, and parts of the regular expressions that find them."""

import calendar

from mcp_context_persistence.queries.temporal.date_ranges import WEEKDAYS

MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
SHORT_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name} | {
    "sept": 9
}
# The first month of each season, in the northern half of the world.
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_ORDINALS = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first
twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth
twenty-ninth thirtieth thirty-first
"""
ORDINALS = {word: number for number, word in enumerate(_ORDINALS.split(), start=1)}
_NUMBERS = """
one two three four five six seven eight nine ten eleven twelve
"""
_NUMBER_WORDS = _NUMBERS.split()
COUNTS = {word: number for number, word in enumerate(_NUMBER_WORDS, start=1)} | {
    "a": 1,
    "an": 1,
    "the": 1,
    "a couple of": 2,
    "couple of": 2,
}
FEW = (2, 5)  # the smallest and the largest number that "a few" means

# Prepositions that make a date of an ambiguous word, such as "may" or "2000".
_IN = frozenset({"in", "during", "throughout"})
_OPEN = frozenset({"since", "before", "prior to", "after", "until", "till", "up to", "by", "from"})
BEFORE_SHORT_MONTH = _IN | {"since"}
BEFORE_MODAL_MONTH = _IN  # "may" in front of a pronoun
BEFORE_YEAR = _IN | _OPEN | {"of"}
BEFORE_SEASON = _IN | _OPEN | {"over"}
BEFORE_DATE = BEFORE_YEAR | {"on"}
BEFORE_WEEKDAY = _OPEN | {"on"}

# Regular expressions. Those that mention whitespace literally are for `re.VERBOSE`.
SPACE = r"\s{1,3}"
DAY = r"[0-9]{1,2}(?:st|nd|rd|th)?(?![\w:%]|\.[0-9]|,[0-9]{3}(?![0-9]))"
COUNTED_UNITS = r"""
(?:words?|users?|people|persons?|characters|tokens|lines|rows|items|messages|times|miles?|
kilomet(?:er|re)s?|km|met(?:er|re)s|steps?|laps|hours?|minutes?|seconds?|days?|weeks?|months?|years?|
dollars|euros|pounds|percent|guests|others)\b"""
YEAR = rf"(?:19|20)[0-9][0-9](?![\w%€$]|[.,:][0-9]|\s{{0,3}}{COUNTED_UNITS})"
NO_NUMBER_BEFORE = r"(?<![\w./:@#+-])"  # a part of an id or of a longer number is no date
NO_NUMBER_AFTER = r"(?![\w/:@-]|\.\w)"
ANY_MONTH = "|".join([*MONTHS, *SHORT_MONTHS])
ANY_SHORT_MONTH = "|".join(SHORT_MONTHS)
ANY_ORDINAL = "|".join(ORDINALS)
ANY_SEASON = "|".join(SEASONS)
ANY_WEEKDAY = "|".join(WEEKDAYS)
ANY_UNIT = "day|weekend|week|month|quarter|year"
ANY_COUNT = rf"[0-9]{{1,3}}|(?:a{SPACE})?(?:couple{SPACE}of|few)|{'|'.join(_NUMBER_WORDS)}"
