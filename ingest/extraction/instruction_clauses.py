"""Split sentences into clauses, each of which may be an instruction beside a question."""

import re

_STARTS = (
    r"(?:i|my|we|our|you|it|he|she|they|the|there|can|could|what|how|which|please|pls|is|are|do|"
    r"does|did|would|should|no|not|now|just|also|then|always|never)(?:['’]?\w+)?\b"
)
_BOUNDARY = re.compile(
    rf"[,;:]\s+|\s[–—-]+\s|\s(?=(?:and|but|so|because|since|as|then|while)\s{_STARTS})",
    re.IGNORECASE,
)
_LEAST_WORDS = 3  # of a clause; fewer belong to the clause before


def split_into_clauses(sentence: str) -> list[tuple[int, int]]:
    """Return the first character of each clause and one past its last; together, all of it."""
    cuts = [match.end() for match in _BOUNDARY.finditer(sentence)]
    clauses: list[tuple[int, int]] = []
    for start, end in zip([0, *cuts], [*cuts, len(sentence)], strict=True):
        is_joined = clauses and (
            len(sentence[start:end].split()) < _LEAST_WORDS
            or len(sentence[slice(*clauses[-1])].split()) < _LEAST_WORDS - 1
        )
        if is_joined:
            clauses[-1] = clauses[-1][0], end
        elif start < end:
            clauses.append((start, end))
    return clauses
