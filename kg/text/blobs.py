"""Blobs: base64, hexadecimal dumps, keys and data URIs, which nobody reads.

Texts are stored with their blobs. What reads texts (embedding, extraction, prompt contexts) sees a
short marker in place of a blob. All functions take linear time.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

MIN_CHARACTERS = 200  # A shorter one may be a checksum or a key that somebody looks for.
_SAMPLE_CHARACTERS = 400  # of a run are looked at
_MIN_CHANGES = 0.3  # changes between upper case, lower case and digits, by character
_MIN_DIGITS = 0.03
_MAX_GAP = 12  # characters between two lines of a blob: line break, indent, quotes

_RUN = re.compile(r"(?<![\w+/=-])(?:[A-Za-z0-9+/_-]|\\[/nr]){40,}+=*")
_HEX_LINE = re.compile(
    r"^[ \t>]*(?:(?:0x)?[0-9a-fA-F]{4,16}:?[ \t]+)?"
    r"(?:[0-9a-fA-F]{2,8}[ :,]{1,2}){7,}+[0-9a-fA-F]{0,8}.*$",
    re.MULTILINE,
)
_CHANGE = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[a-z0-9])|[0-9](?=[A-Za-z])")
_HEX = re.compile(r"[0-9a-fA-F]+")
_GAP = re.compile(r"[\"'+,\\ \t>|]*\r?\n[\"'+,\\ \t>|]*|\.")
_LAST_LINE = re.compile(r"[\"'+,\\ \t>|]*\r?\n[\"' \t>|]*([A-Za-z0-9+/_-]+=*)(?=[\"'\\,\s]|$)")
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.-]+)*,$")
_URI_CHARACTERS = 100
# License keys, UUIDs, tokens of web services.
_KEY = re.compile(
    r"[A-Z0-9]{4,8}(?:-[A-Z0-9]{4,8}){2,}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    r"|eyJ[\w-]{8,}(?:\.[\w-]+){0,2}|(?:sk|pk|gh[pousr]|AKIA|ASIA|xox[abp])[\w-]{16,}"
)
_MIN_KEY_CHARACTERS = 16
_KEY_START, _KEY_END = re.compile(r"-----BEGIN [A-Z0-9 ]+-----\s*$"), "-----END "


class Blob(NamedTuple):
    """A blob: its span of characters in the text, and its kind, such as ``base64``."""

    start: int
    end: int
    kind: str

    @property
    def marker(self) -> str:
        """The text that replaces it in texts that are read: its kind and size."""
        return f"[{self.kind}, {(self.end - self.start) / 1000:.1f} kB]"


class CompactText(NamedTuple):
    """A text with markers in place of its blobs.

    Attributes:
        text: The text with the markers.
        blobs: The blobs, by their positions in the original text.
        starts: Where the marker of each blob begins in `text`.
    """

    text: str
    blobs: tuple[Blob, ...]
    starts: tuple[int, ...]

    def map_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original text for a span of `text`.

        A part of a marker stands for the whole blob.
        """
        return self._map(start, is_end=False), self._map(end, is_end=True)

    def _map(self, position: int, *, is_end: bool) -> int:
        index = bisect_right(self.starts, position - 1 if is_end else position) - 1
        if index < 0:
            return position
        blob = self.blobs[index]
        offset = position - self.starts[index] - len(blob.marker)
        if offset < 0:
            return blob.end if is_end else blob.start
        return blob.end + offset


def find_blobs(text: str) -> tuple[Blob, ...]:
    """Return the blobs of a text with at least `MIN_CHARACTERS` characters, in order."""
    if len(text) < MIN_CHARACTERS:
        return ()
    return tuple(
        blob
        for blob in _join_lines(text, _find_opaque_runs(text))
        if blob.end - blob.start >= MIN_CHARACTERS
    )


def replace_blobs(text: str) -> str:
    """Return a text with a marker in place of each blob."""
    return compact_text(text).text


def compact_text(text: str) -> CompactText:
    """Return a text with a marker in place of each blob, and where the blobs were."""
    blobs = find_blobs(text)
    if not blobs:
        return CompactText(text, (), ())
    strings: list[str] = []
    starts: list[int] = []
    position = length = 0
    for blob in blobs:
        strings += (text[position : blob.start], blob.marker)
        starts.append(length + blob.start - position)
        length = starts[-1] + len(blob.marker)
        position = blob.end
    return CompactText("".join([*strings, text[position:]]), blobs, tuple(starts))


def is_opaque(word: str) -> bool:
    """Return whether a word without spaces has the mixture of characters of encoded data."""
    sample = word[:_SAMPLE_CHARACTERS]
    if _HEX.fullmatch(sample):
        return any(map(str.isdigit, sample)) and any(map(str.isalpha, sample))
    return len(_CHANGE.findall(sample)) >= _MIN_CHANGES * len(sample) and sum(
        map(str.isdigit, sample)
    ) >= _MIN_DIGITS * len(sample)


def is_key(word: str) -> bool:
    """Return whether a word is a key, a checksum or the like, which names nothing."""
    if len(word) < _MIN_KEY_CHARACTERS:
        return False
    if _KEY.fullmatch(word):
        return any(map(str.isdigit, word))
    if _HEX.fullmatch(word):
        return not word.isdecimal()
    return word.isascii() and word.isalnum() and is_opaque(word)


def _find_opaque_runs(text: str) -> Iterator[Blob]:
    """Yield the opaque runs and the lines of hexadecimal dumps, in order."""
    lines = [
        Blob(match.start(), match.end(), "hex" if _HEX.fullmatch(match.group()) else "base64")
        for match in _RUN.finditer(text)
        if is_opaque(match.group())
    ]
    lines += [Blob(*match.span(), "hex") for match in _HEX_LINE.finditer(text)]
    end = 0
    for line in sorted(lines):
        if line.start >= end:
            yield line
            end = line.end


def _join_lines(text: str, lines: Iterator[Blob]) -> Iterator[Blob]:
    """Yield blobs with all of their lines, and with what announces them."""
    current: Blob | None = None
    for line in lines:
        if current is not None and _is_gap(text, current.end, line.start):
            current = Blob(current.start, line.end, current.kind)
        else:
            if current is not None:
                yield _complete(text, current)
            current = line
    if current is not None:
        yield _complete(text, current)


def _is_gap(text: str, start: int, end: int) -> bool:
    return end - start <= _MAX_GAP and _GAP.fullmatch(text, start, end) is not None


def _complete(text: str, blob: Blob) -> Blob:
    """Return a blob with its short last line, the start of its data URI, or the lines of a key."""
    start, end, kind = blob
    last_line = _LAST_LINE.match(text, end)
    if last_line is not None and _is_rest(last_line[1], blob):
        end = last_line.end()
    announcement = text[max(0, start - _URI_CHARACTERS) : start]
    uri, key = _DATA_URI.search(announcement), _KEY_START.search(announcement)
    if uri is not None:
        start, kind = start - len(uri.group()), uri[1]
    elif key is not None:
        start, kind = start - len(key.group()), "key"
        footer = text.find(_KEY_END, end, end + _URI_CHARACTERS)
        if footer >= 0:
            line_end = text.find("\n", footer, footer + _URI_CHARACTERS)
            end = line_end if line_end >= 0 else min(len(text), footer + _URI_CHARACTERS)
    return Blob(start, end, kind)


def _is_rest(word: str, blob: Blob) -> bool:
    """Return whether a short line after a blob belongs to it."""
    if len(word) > blob.end - blob.start:
        return False
    return word.endswith("=") or any(map(str.isdigit, word)) or len(_CHANGE.findall(word)) > 2
