"""Learn a weight for each bucket of hashed words."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from mcp_context_persistence.ingest.extraction.hashed_words import BUCKETS

INVERSE_PENALTY = 0.1


def learn_words(
    rows: Sequence[Sequence[int]], is_positive: NDArray[np.bool_], *, positive_weight: float = 1.0
) -> NDArray[np.float32]:
    """Return the weights, ``(BUCKETS + 1,)``, the last one added to each score.

    Args:
        rows: The buckets of each example, see `ingest.extraction.hashed_words`.
        is_positive: Which examples should have a high score.
        positive_weight: How much one of them counts, beside 1 for each other one.
    """
    lengths = [len(buckets) for buckets in rows]
    matrix = csr_matrix(
        (np.ones(sum(lengths), np.float32), np.concatenate(rows), np.cumsum([0, *lengths])),
        shape=(len(rows), BUCKETS),
    )
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=300, random_state=0)
    model.fit(matrix, is_positive, sample_weight=np.where(is_positive, positive_weight, 1.0))
    return np.concatenate([model.coef_[0], model.intercept_]).astype(np.float32)
