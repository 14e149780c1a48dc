"""The instructions of a user that apply to a query, and their section of a prompt context."""

from collections.abc import Sequence
from dataclasses import dataclass

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is
from mcp_context_persistence.kg.errors import StaleStateError
from mcp_context_persistence.kg.text.terms import list_index_terms
from mcp_context_persistence.queries.prompt_context.excerpts import encode_id
from mcp_context_persistence.queries.prompt_context.fitting import LINE_BREAK, TokenCounter
from mcp_context_persistence.queries.search.filters import Filters
from mcp_context_persistence.queries.search.query_terms import QueryTerms
from mcp_context_persistence.queries.search.retrieval import QueryVector

HEADING = "# Instructions and preferences of the user"
SHARE = 0.2  # of the token budget
ALWAYS = "always"
# The least similarity of a query to the topic, by kind. A search finds what a user prefers, too;
# an instruction may have little in common with the query to which it applies.
MIN_MATCH = {"instruction": 0.2, "preference": 0.3, "fact": 0.3}
WORD_WEIGHT = 0.5  # of the share of the query's words that the topic has, added to the cosine


@dataclass(frozen=True, kw_only=True)
class ApplyingInstruction:
    """An instruction that applies to a query.

    Attributes:
        item: Its stored properties.
        match: How well its topic or its text matches the query, 0 to 1.
        is_topical: Whether that is enough for an instruction with a topic.
    """

    item: Row
    match: float
    is_topical: bool

    @property
    def line(self) -> str:
        """The line that a prompt context shows, with its citation."""
        text = " ".join(self.item["content"].split())
        return f"[{self.citation_key}] {text}"

    @property
    def citation_key(self) -> str:
        """The key of the message that states the instruction, or of the instruction itself."""
        message_id = self.item["message_id"]
        return f"m:{encode_id(message_id)}" if message_id else f"i:{encode_id(self.item['id'])}"


@dataclass(frozen=True, kw_only=True)
class InstructionSection:
    """The section of a prompt context with the instructions that apply."""

    instructions: tuple[ApplyingInstruction, ...] = ()

    @property
    def text(self) -> str:
        """The heading and the lines; empty without instructions."""
        lines = [instruction.line for instruction in self.instructions]
        return LINE_BREAK.join([HEADING, *lines]) if lines else ""

    def shorten(self) -> "InstructionSection":
        """Return the section without its last instruction."""
        return InstructionSection(instructions=self.instructions[:-1])


def find_applying(
    run: Run, namespace: str, *, filters: Filters, terms: QueryTerms, vector: QueryVector
) -> tuple[list[ApplyingInstruction], bool]:
    """Return the instructions that apply to a query, the most important ones first.

    First come those whose topic or text matches the query, the best match first. Then come those
    without a topic, the latest first.

    Returns:
        The instructions, and whether there are more than were looked at.

    Raises:
        StaleStateError: Another model's vectors are in use.
    """
    batch = {
        "namespace": namespace,
        "vector": vector.numbers,
        "vector_property": vector.vector_state.active.property_name,
        "projects": list(filters.projects),
        "limit": limits.APPLYING_INSTRUCTIONS + 1,
    }
    rows = run(Statement(name="instruction/applying", parameters={"batch": batch}, read=as_is))
    if rows and not vector.vector_state.is_current(rows[0]):
        raise StaleStateError
    latest = rows[: limits.APPLYING_INSTRUCTIONS]
    ranked = [_match(row, terms) for row in latest if not _is_excluded(row["item"], filters)]
    topical = [instruction for instruction in ranked if instruction.is_topical]
    general = [
        instruction
        for instruction in ranked
        if not instruction.is_topical and instruction.item["scope"] == ALWAYS
    ]
    applying = [*sorted(topical, key=lambda instruction: -instruction.match), *general]
    return applying, len(latest) < len(rows)


def _is_excluded(item: Row, filters: Filters) -> bool:
    return item["conversation_id"] in filters.excluded_conversation_ids or not {
        item["id"],
        item["message_id"],
    }.isdisjoint(filters.excluded_ids)


def _match(row: Row, terms: QueryTerms) -> ApplyingInstruction:
    item = row["item"]
    cosine = max(0.0, row["cosine"] or 0.0)
    topic = item["content"] if item["scope"] == ALWAYS else item["scope"]
    topic_terms = set(list_index_terms(topic))
    shared = [word for word in terms.words if topic_terms.intersection(terms.variants[word])]
    coverage = len(shared) / max(1, len(terms.words))
    match = min(1.0, cosine + WORD_WEIGHT * coverage)
    return ApplyingInstruction(
        item=item, match=match, is_topical=match >= MIN_MATCH[item["instruction_kind"]]
    )


def fit_section(
    instructions: Sequence[ApplyingInstruction], *, budget: int, count_tokens: TokenCounter
) -> InstructionSection:
    """Return the section with the first instructions that fit into a token budget."""
    if not instructions or budget < 1:
        return InstructionSection()
    counts = count_tokens(
        [HEADING, *(LINE_BREAK + instruction.line for instruction in instructions)]
    )
    room = budget - counts[0]
    chosen: list[ApplyingInstruction] = []
    for instruction, tokens in zip(instructions, counts[1:], strict=True):
        if tokens <= room:
            chosen.append(instruction)
            room -= tokens
    return InstructionSection(instructions=tuple(chosen))
