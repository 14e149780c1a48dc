"""The values in a clause, in one spelling: "5 p.m." and "17:00" are the same time."""

import re

NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {word: number for number, word in enumerate(NUMBER_WORDS.split(), start=2)}
_TIME = re.compile(r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?P<half>[ap])?")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MONTH_BEGINNING = re.compile(r"[a-z]{3,}")
_THOUSAND = 1_000


def normalize_value(kind: str, text: str) -> str:
    """Return a value in the form in which values of one kind are compared.

    Args:
        kind: `date`, `day`, `time`, `money`, `share` or `count`.
        text: The value as it is written.
    """
    lower = text.lower()
    if kind == "date":
        return _normalize_date(lower)
    if kind == "time":
        return _normalize_time(lower)
    return lower if kind == "day" else _normalize_number(lower)


def _normalize_date(text: str) -> str:
    """Return the beginning of the month's name and the day; a date in digits stays as it is."""
    month, day = _MONTH_BEGINNING.search(text), _NUMBER.search(text)
    return f"{month.group()[:3]} {int(day.group())}" if month and day else text


def _normalize_time(text: str) -> str:
    match = _TIME.search(text)
    if match is None:
        return text
    hour = int(match["hour"])
    if match["half"]:
        hour = hour % 12 + (12 if match["half"] == "p" else 0)
    return f"{hour}:{match['minute'] or '00'}"


def _normalize_number(text: str) -> str:
    """Return the number with the sign of a currency, if there is one."""
    if text in _NUMBERS:
        return str(float(_NUMBERS[text]))
    digits = text.replace(",", "")
    match = _NUMBER.search(digits.replace(".", "") if digits.count(".") > 1 else digits)
    if match is None:
        return text
    number = float(match.group()) * (_THOUSAND if text.endswith("k") else 1)
    return f"{text[0] if text[0] in '$€£' else ''}{number}"
