"""Tables in texts: with bars, with separators (CSV), or aligned with spaces."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mcp_context_persistence.ingest.extraction.labels import read_headings

_MIN_ROWS = 3  # of a table without bars
_MAX_CELL = 80  # characters, of a table without bars
_BARS = re.compile(r"\s*[|│].*[|│]\s*$")
_LOOSE_BARS = re.compile(r"[^|]+(?: \| [^|]+){2,}$")
_RULE = re.compile(r"[\s|+:\-=─━═┼╪┬┴├┤┌┐└┘│]*[-─═]{3,}[\s|+:\-=─━═┼╪┬┴├┤┌┐└┘│]*$")
_WIDE_GAP = re.compile(r"(?<=\S)(?: {2,}|\t+)(?=\S)")
_CELL_END = re.compile(r" *[|│] *")
_FULL_NAME = re.compile(r"[^\W\d_a-z][^\W\d_]+ [^\W\d_a-z][^\W\d_]+")
_SEPARATORS = (";", "\t", ",", "|")


class Cell(NamedTuple):
    """A cell of a table: its span in the text, and the heading of its column."""

    start: int
    end: int
    heading: str


def find_table(lines: Sequence[str]) -> tuple[int, int]:
    """Return the first line of a table in a paragraph and the one after its last line.

    Both are 0 where there is none.
    """
    rows = [index for index, line in enumerate(lines) if _BARS.match(line) or _RULE.match(line)]
    if any(_BARS.match(lines[index]) for index in rows):
        return rows[0], rows[-1] + 1
    if any(map(_LOOSE_BARS.match, lines)):
        rows = [index for index, line in enumerate(lines) if _LOOSE_BARS.match(line)]
        return rows[0], rows[-1] + 1
    return _find_separated(lines) or _find_aligned(lines) or (0, 0)


def _find_separated(lines: Sequence[str]) -> tuple[int, int] | None:
    """Return the longest run of lines with the same number of separators, and short cells."""
    for separator in _SEPARATORS:
        counts = [line.count(separator) if _is_separated(line, separator) else 0 for line in lines]
        run = _find_longest_run(counts)
        if run[1] - run[0] >= _MIN_ROWS:
            return run
    return None


def _is_separated(line: str, separator: str) -> bool:
    cells = line.split(separator)
    spaced = sum(cell.startswith(" ") for cell in cells)
    is_pair = len(cells) == 2 and all(map(str.strip, cells))  # not "int x;"
    return (
        (len(cells) > 2 or is_pair)
        and spaced * 2 < len(cells)
        and max(map(len, cells)) <= _MAX_CELL
    )


def _find_aligned(lines: Sequence[str]) -> tuple[int, int] | None:
    counts = [len(_WIDE_GAP.findall(line)) for line in lines]
    run = _find_longest_run([int(count > 0) + int(count > 1) for count in counts], is_uniform=False)
    wide = sum(count > 1 for count in counts[slice(*run)])
    return run if run[1] - run[0] >= _MIN_ROWS and 2 * wide >= run[1] - run[0] else None


def _find_longest_run(counts: Sequence[int], *, is_uniform: bool = True) -> tuple[int, int]:
    """Return the longest run of counts above 0, all of them the same if `is_uniform`."""
    best = (0, 0)
    start = 0
    for index, count in enumerate(counts):
        if not count or (is_uniform and index and count != counts[index - 1]):
            start = index if count else index + 1
        if count and index + 1 - start > best[1] - best[0]:
            best = (start, index + 1)
    return best


def find_cells(text: str, start: int, end: int) -> Iterator[Cell]:
    """Yield the cells of a table with the headings of their columns, row by row.

    The first row has the headings, except where the table has one row only.
    """
    lines = text[start:end].split("\n")
    split = _choose_splitter(lines)
    headings: list[str] = []
    is_without_headings = _begins_with_names(lines, split)
    position = start
    for line in lines:
        if not _RULE.match(line):
            spans = list(split(line))
            if len(lines) > 1 and not headings and not is_without_headings:
                headings = read_headings([line[begin:stop] for begin, stop in spans])
            else:
                for column, (begin, stop) in enumerate(spans):
                    heading = headings[column] if column < len(headings) else ""
                    yield Cell(position + begin, position + stop, heading)
        position += len(line) + 1


def _begins_with_names(lines: Sequence[str], split: "Splitter") -> bool:
    """Return whether the first row has a full name where each other row has one, too."""
    if any(map(_RULE.match, lines)):
        return False  # A line below the headings.
    rows = [[line[begin:stop] for begin, stop in split(line)] for line in lines if line.strip()]
    columns = zip(*rows, strict=False)
    return len(rows) > 1 and any(all(map(_FULL_NAME.fullmatch, column)) for column in columns)


def _choose_splitter(lines: Sequence[str]) -> "Splitter":
    if any(map(_BARS.match, lines)) or any(map(_LOOSE_BARS.match, lines)):
        return Splitter(_CELL_END)
    if _find_separated(lines) is not None:
        counts = {
            separator: sum(line.count(separator) for line in lines) for separator in _SEPARATORS
        }
        separated = [s for s in _SEPARATORS if counts[s] >= len(lines)]
        return Splitter(re.compile(re.escape(separated[0])))
    return Splitter(_WIDE_GAP)


class Splitter:
    """Splits rows into cells at a separator."""

    def __init__(self, separator: re.Pattern[str]) -> None:
        self._separator = separator

    def __call__(self, row: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of a row's cells, without spaces and quotes around them."""
        position = 0
        for start, end in [*(m.span() for m in self._separator.finditer(row)), (len(row),) * 2]:
            cell = row[position:start]
            if cell.strip(' \t"') or start > position:
                begin = position + len(cell) - len(cell.lstrip(' \t"'))
                yield begin, max(begin, position + len(cell.rstrip(' \t"\r')))
            position = end
