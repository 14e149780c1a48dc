"""Prompts that a person chooses: resume a topic, sum up an entity, explain a decision."""

from collections.abc import Callable
from dataclasses import dataclass

from mcp_types import Prompt, PromptArgument

from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.mcp_server.tool import Call
from mcp_context_persistence.mcp_server.tools.exploring import ExploreArguments, explore
from mcp_context_persistence.mcp_server.tools.searching import (
    ContextArguments,
    RecallArguments,
    build_context,
    recall,
)


@dataclass(frozen=True, kw_only=True)
class PromptSpec:
    """A prompt with one argument.

    Attributes:
        name: Its name.
        description: What it is for.
        argument: The name of its argument.
        argument_description: What the argument is.
        render: Returns its text.
    """

    name: str
    description: str
    argument: str
    argument_description: str
    render: Callable[[Call, str], str]

    def describe(self) -> Prompt:
        """Return the prompt as clients see it."""
        return Prompt(
            name=self.name,
            description=self.description,
            arguments=[
                PromptArgument(
                    name=self.argument, description=self.argument_description, required=True
                )
            ],
        )


def _resume(call: Call, topic: str) -> str:
    context = build_context(call, ContextArguments(topic=topic)).text
    return (
        f"Let us continue our work on this topic: {topic}\n\nThis is what you remember about it. "
        "Sum up where we stopped and what is open. Follow my instructions and preferences in it. "
        f"Cite what you use.\n\n{context}"
    )


def _sum_up(call: Call, entity: str) -> str:
    try:
        relations = explore(call, ExploreArguments(entity=entity)).text
    except NotFoundError:
        relations = "The graph has no entity with this name."
    texts = recall(call, RecallArguments(query=entity)).text
    return (
        f"What do we know about {entity}? Answer from the following only, with citations, and say "
        f"what is missing.\n\n{relations}\n\n{texts}"
    )


def _explain(call: Call, decision: str) -> str:
    decisions = recall(call, RecallArguments(query=decision, kinds=["decision"], limit=3)).text
    context = build_context(call, ContextArguments(topic=decision)).text
    return (
        f"Why did we decide this: {decision}? Give the reasons, the alternatives and the date, "
        "with citations. Say so if the following does not tell.\n\n"
        f"{decisions}\n\n{context}"
    )


PROMPTS = {
    prompt.name: prompt
    for prompt in (
        PromptSpec(
            name="resume",
            description="Continue the work on a topic",
            argument="topic",
            argument_description="What the work is about",
            render=_resume,
        ),
        PromptSpec(
            name="what_do_we_know",
            description="Sum up what is stored about a person, a project or a thing",
            argument="entity",
            argument_description="Its name",
            render=_sum_up,
        ),
        PromptSpec(
            name="why",
            description="Explain a decision",
            argument="decision",
            argument_description="What was decided, in a few words",
            render=_explain,
        ),
    )
}
