"""Training of the ranker: learn its weights from judged questions, and evaluate them on others.

The ranker is a softmax over the candidates of a question. What is maximized is the likelihood of
the relevant candidates: of all of them, or of any of them where a passage of many messages is
relevant. The command is in `mcp_context_persistence.cli.train_ranker`.
"""

import json
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.queries.search import diversification
from mcp_context_persistence.queries.search.authors import measure_assistant_share, read_authors
from mcp_context_persistence.queries.search.features import (
    MESSAGE_FEATURES,
    PASSAGE_FEATURES,
    calculate_features,
)
from mcp_context_persistence.queries.search.ranker import FILE, learned_weights
from mcp_context_persistence.queries.search.recipes import named_recipes
from mcp_context_persistence.queries.search.request import SearchRequest
from mcp_context_persistence.queries.search.search_modes import SearchContext, retrieve_candidates

Floats = NDArray[np.float64]

MESSAGE_RIDGE, PASSAGE_RIDGE = 1e-3, 2e-4
FOLDS = 5
DEPTH = 10  # results that the figures are about
ASSISTANT_SHARE = 0.5  # from which a question counts as one about a chat with an assistant
# Not learned: the development sets have hardly any entities with several names, and no identifiers.
FIXED_WEIGHTS = {"entities": 1.0, "identifier": 6.0}


@dataclass(frozen=True, kw_only=True)
class Question:
    """A judged question with its candidates.

    Attributes:
        text: The question.
        features: The features of the candidates, `(candidates, features)`.
        is_relevant: 1 for each relevant candidate, else 0, `(candidates,)`.
        relevant_ids: All relevant messages, also those that are no candidates.
        ids: The ids of the candidates.
        category: The category of the question.
        distances: Between the candidates, where passages are looked for.
        results: For other searches, by their names, the ids of their results, best first.
        assistant_share: How far the candidates are from chats with an assistant, 0 to 1.
    """

    text: str
    features: Floats
    is_relevant: Floats
    relevant_ids: frozenset[str]
    ids: tuple[str, ...]
    category: str = ""
    distances: Floats | None = None
    results: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assistant_share: float = 0.0

    @property
    def learned_features(self) -> Floats:
        """The features, and once more those of chats with an assistant, `(candidates, 2 n)`.

        What is learned for the second ones is the difference of such chats.
        """
        if self.distances is not None:
            return self.features
        return np.hstack([self.features, self.assistant_share * self.features])

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features."""
        return MESSAGE_FEATURES if self.distances is None else PASSAGE_FEATURES


@dataclass(kw_only=True)
class Group:
    """Questions about one conversation, which are learned from, or evaluated, together.

    Attributes:
        name: Its name.
        any_is_enough: Whether one relevant message is as good as all.
        weight: How much each of its questions counts.
        questions: The questions.
    """

    name: str
    any_is_enough: bool
    weight: float = 1.0
    questions: list[Question] = field(default_factory=list)


Evaluation = tuple[Group, Question, Floats]


def collect_question(
    context: SearchContext,
    request: SearchRequest,
    relevant_ids: Iterable[str],
    *,
    category: str = "",
    results: Mapping[str, tuple[str, ...]] | None = None,
) -> Question:
    """Retrieve the candidates of a question.

    Args:
        context: What the search works with.
        request: The request; its recipe decides whether passages are looked for.
        relevant_ids: The ids of the relevant messages.
        category: The category of the question.
        results: The results of other searches.
    """
    candidates, query, _ = retrieve_candidates(context, request, request.recipe)
    messages = candidates.messages
    for_passages = bool(request.recipe.passage_window)
    relevant = frozenset(relevant_ids)
    assistant_share = 0.0 if for_passages else measure_assistant_share(messages)
    return Question(
        text=request.query,
        features=calculate_features(
            messages,
            read_authors(messages),
            query,
            for_passages=for_passages,
            assistant_share=assistant_share,
        )
        if messages
        else np.zeros((0, len(PASSAGE_FEATURES if for_passages else MESSAGE_FEATURES))),
        is_relevant=np.array([message.id in relevant for message in messages], float),
        relevant_ids=relevant,
        ids=tuple(message.id for message in messages),
        category=category,
        distances=diversification.measure_distances(messages) if for_passages else None,
        results=results or {},
        assistant_share=assistant_share,
    )


def parse_judgments(text: str) -> list[tuple[str, list[str]]]:
    """Parse JSON lines of a query with the ids of its relevant messages; blank lines are skipped.

    Raises:
        ValidationError: A line is something else (the text has its number), or there is none.
    """
    judgments = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            judgment = json.loads(line)
            query, relevant = judgment["query"], judgment["relevant"]
        except (ValueError, KeyError, TypeError):
            query, relevant = None, None
        if not (
            isinstance(query, str)
            and isinstance(relevant, list)
            and relevant
            and all(isinstance(message_id, str) for message_id in relevant)
        ):
            raise ValidationError(
                f'line {number} must be {{"query": "...", "relevant": ["message id", ...]}}'
            )
        judgments.append((query, relevant))
    if not judgments:
        raise ValidationError("there are no judgments: the file has no line with a question")
    return judgments


def learn_weights(groups: Iterable[Group], excluded: Sequence[str] = ()) -> Floats:
    """Learn the weights that make the relevant candidates most likely.

    One for each feature, and for messages the differences of chats with an assistant after them.

    Args:
        groups: The questions.
        excluded: Features whose weights stay 0.

    Raises:
        ValidationError: No question has a relevant candidate, or scipy is not installed.
    """
    questions = [
        (question, group.weight, group.any_is_enough)
        for group in groups
        for question in group.questions
        if question.is_relevant.any()
    ]
    if not questions:
        raise ValidationError(
            "no question has a relevant message among its candidates, "
            "so there is nothing to learn from"
        )
    names = questions[0][0].feature_names
    features = np.concatenate([question.learned_features for question, *_ in questions])
    is_used = np.array([name not in excluded for name in names], float)
    features = features * np.tile(is_used, features.shape[1] // len(names))
    loss = _build_loss(
        features,
        [question.is_relevant for question, *_ in questions],
        weights=np.array([weight for _, weight, _ in questions]),
        any_is_enough=np.array([float(any_is_enough) for *_, any_is_enough in questions]),
        ridge=MESSAGE_RIDGE if names is MESSAGE_FEATURES else PASSAGE_RIDGE,
    )
    return _minimize(loss, features.shape[1])


def _build_loss(
    features: Floats,
    relevance: Sequence[Floats],
    *,
    weights: Floats,
    any_is_enough: Floats,
    ridge: float,
) -> Callable[[Floats], tuple[float, Floats]]:
    """Return the function from ranker weights to the loss and its gradient."""
    is_relevant = np.concatenate(relevance)
    sizes = [len(question) for question in relevance]
    starts = np.cumsum([0, *sizes[:-1]])
    owners = np.repeat(np.arange(len(relevance)), sizes)
    shares = weights / weights.sum()
    even = is_relevant / np.add.reduceat(is_relevant, starts)[owners]

    def loss(ranker_weights: Floats) -> tuple[float, Floats]:
        scores = features @ ranker_weights
        powers = np.exp(scores - np.maximum.reduceat(scores, starts)[owners])
        likelihood = powers / np.add.reduceat(powers, starts)[owners]
        likelihood_of_any = np.add.reduceat(likelihood * is_relevant, starts) + 1e-30
        target = (1 - any_is_enough[owners]) * even + any_is_enough[
            owners
        ] * likelihood * is_relevant / likelihood_of_any[owners]
        by_question = (1 - any_is_enough) * np.add.reduceat(
            even * np.log(likelihood + 1e-30), starts
        ) + any_is_enough * np.log(likelihood_of_any)
        gradient = (
            -(features.T @ ((target - likelihood) * shares[owners])) + 2 * ridge * ranker_weights
        )
        penalty = ridge * ranker_weights @ ranker_weights
        return float(-(by_question * shares).sum() + penalty), gradient

    return loss


def _minimize(loss: Callable[[Floats], tuple[float, Floats]], size: int) -> Floats:
    try:
        from scipy.optimize import minimize  # noqa: PLC0415
    except ImportError as error:
        raise ValidationError("training needs scipy: pip install scipy") from error
    weights: Floats = minimize(
        loss, np.zeros(size), jac=True, method="L-BFGS-B", options={"maxiter": 1000}
    ).x
    return weights


def order_candidates(question: Question, weights: Floats) -> list[int]:
    """Return the indexes of the candidates in the order of the results."""
    scores = question.learned_features @ weights
    if question.distances is None or not len(scores):
        order: list[int] = np.argsort(-scores, kind="stable").tolist()
        return order
    spread = diversification.spread_scores(
        question.distances, scores, window=named_recipes()["exploratory"].passage_window
    )
    return diversification.select(question.distances, spread, [True] * len(scores), limit=DEPTH)


def calculate_figures(is_relevant: Sequence[bool], relevant_count: int) -> dict[str, float]:
    """Calculate R@10, MRR, nDCG@10 and hit@10 of results, best first.

    Args:
        is_relevant: Whether each result is relevant.
        relevant_count: How many relevant messages there are.
    """
    first = is_relevant[:DEPTH]
    reciprocal_rank = next((1 / rank for rank, hit in enumerate(first, start=1) if hit), 0.0)
    gain = sum(1 / math.log2(index + 2) for index, hit in enumerate(first) if hit)
    best_gain = sum(1 / math.log2(index + 2) for index in range(min(DEPTH, relevant_count)))
    return {
        "R@10": sum(first) / relevant_count,
        "MRR": reciprocal_rank,
        "nDCG@10": gain / best_gain,
        "hit@10": float(any(first)),
    }


def split_groups(groups: Sequence[Group]) -> list[list[Group]]:
    """Return which groups are left out together: each of a few, or a fifth of many."""
    folds = []
    for any_is_enough in (False, True):
        same_kind = [group for group in groups if group.any_is_enough is any_is_enough]
        only_these = any_is_enough and len(same_kind) == len(groups)
        count = FOLDS if len(same_kind) > 3 * FOLDS and not only_these else len(same_kind)
        folds += [same_kind[start::count] for start in range(count) if same_kind[start::count]]
    return folds


def cross_validate(groups: Sequence[Group], excluded: Sequence[str] = ()) -> list[Evaluation]:
    """Return each question with weights that were learned without its group."""
    evaluations = []
    for fold in split_groups(groups):
        names = {group.name for group in fold}
        weights = learn_weights((group for group in groups if group.name not in names), excluded)
        evaluations += [
            (group, question, weights) for group in fold for question in group.questions
        ]
    return evaluations


def read_current_weights(question: Question) -> Floats:
    """Return the weights of `ranker.json` for a question."""
    names = question.feature_names
    if question.distances is not None:
        weights = learned_weights("passages")
        return np.array([weights[name] for name in names])
    weights, other = learned_weights("messages"), learned_weights("assistants")
    return np.array(
        [*(weights[name] for name in names), *(other[name] - weights[name] for name in names)]
    )


def format_figures(evaluations: Iterable[Evaluation]) -> list[str]:
    """Return lines with the mean figures of each set of questions."""
    by_set: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
    answerable: Counter[str] = Counter()
    for group, question, weights in evaluations:
        order = order_candidates(question, weights)
        figures = calculate_figures(
            [bool(question.is_relevant[index]) for index in order], len(question.relevant_ids)
        )
        for name in _name_sets(group, question):
            by_set[name].append(figures)
            answerable[name] += bool(question.is_relevant.any())
    lines = []
    for name, figures_of_set in sorted(by_set.items()):
        means = "  ".join(
            f"{figure} {statistics.mean(figures[figure] for figures in figures_of_set):.3f}"
            for figure in figures_of_set[0]
        )
        lines.append(
            f"  {name:<20}{means}  "
            f"({len(figures_of_set)} questions, {answerable[name]} with a relevant candidate)"
        )
    return lines


def _name_sets(group: Group, question: Question) -> set[str]:
    """Return the names of the sets whose figures a question counts for."""
    if question.assistant_share >= ASSISTANT_SHARE:
        category = f"assistants, {question.category}"
        return {"assistants", category} if question.category else {"assistants"}
    if question.distances is not None:
        return {"meetings, passages"}
    if group.any_is_enough:
        return {"meetings"}
    return {"chats", f"chats, category {question.category}"} if question.category else {"questions"}


def build_weights_file(groups: Sequence[Group], passages: Sequence[Group] = ()) -> dict[str, Any]:
    """Return the content of `ranker.json` with weights that are learned from groups.

    Args:
        groups: Questions for which single messages are looked for.
        passages: Questions for which passages are; without any, the current weights stay.
    """
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    if groups:
        weights, differences = learn_weights(groups).reshape(2, -1)
        shares = [question.assistant_share for group in groups for question in group.questions]
        if min(shares) < ASSISTANT_SHARE:  # otherwise no chat of people was learned from
            content["messages"] = _name_weights(MESSAGE_FEATURES, weights)
        if max(shares) >= ASSISTANT_SHARE:
            content["assistants"] = _name_weights(MESSAGE_FEATURES, weights + differences)
    if passages:
        content["passages"] = _name_weights(PASSAGE_FEATURES, learn_weights(passages))
    return content


def _name_weights(names: Sequence[str], weights: Floats) -> dict[str, float]:
    learned = zip(names, weights.tolist(), strict=True)
    return {name: round(value, 4) for name, value in learned} | FIXED_WEIGHTS


def write_weights_file(content: Mapping[str, Any]) -> None:
    """Replace `ranker.json`."""
    FILE.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
