"""Namespaces whose words the other one does not have."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from pydantic import BaseModel

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ContextPersistenceError

COMMON = "The budget of the DataProcessor class is open. It uses pandas and numpy."
QUESTIONS = (
    "budget",
    "pandas",
    "which class uses numpy",
    "what was decided about the budget",
    "What happened in June 2025?",
)


@dataclass
class World:
    """A namespace with its client.

    Attributes:
        client: The client.
        name: In every id, type, tag and name of this world; the other world may ask for these.
        secret: In every text and property beside them; nobody else ever says it.
        folder: Of a cache that both worlds share.
        redis: Address of a cache that both share, if there is one.
        merges: Ids of merges that this world made.
    """

    client: ContextPersistenceClient
    name: str
    secret: str
    folder: Path
    redis: str | None = None
    merges: list[str] = field(default_factory=list)

    @property
    def decision(self) -> tuple[str, str, str, str]:
        """What `save_decision` is given: the other world knows it but for the secret."""
        return (
            f"{self.name}-talk",
            f"{self.name} plan",
            f"The budget of {self.secret}.",
            f"We use pandas for {self.name}.",
        )

    def message(self, number: int) -> dict[str, Any]:
        """A message that says something new with every number."""
        said = (
            f"{COMMON} {self.secret} is {self.name}{number}.",
            f"We decided to use pandas for the {self.name} {self.secret} budget number {number}.",
            f"The {self.name}Processor{number} class depends on {self.name}Module{number}.",
        )
        return {
            "role": ("user", "assistant")[number % 2],
            "content": said[number % 3],
            "timestamp": f"2025-06-{1 + number % 28:02}T10:00:00Z",
            "metadata": {"mood": self.secret},
        }

    def talk(self, number: int) -> dict[str, Any]:
        """A conversation; the first one has an id that both worlds have."""
        return {
            "conversation_id": "talk"
            if number == 0
            else f"{self.name}-talk"
            if number == 1
            else f"{self.name}-talk-{number}",
            "messages": [self.message(3 * number + place) for place in range(3)],
            "project_path": f"/{self.name}",
            "metadata": {
                "project": self.name,
                "tags": [self.name, self.secret],
                "team": self.name,
                "note": self.secret,
            },
        }

    def graph(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Entities and relationships; `pandas` is in both worlds."""
        described = {"description": f"It is {self.secret}", "metadata": {"note": self.secret}}
        entities: list[dict[str, Any]] = [
            {
                "id": f"{self.name}-corp",
                "name": f"{self.name} Corp",
                "type": f"{self.name} firm",
                **described,
            },
            {
                "id": f"{self.name}-inc",
                "name": f"{self.name} Inc",
                "type": f"{self.name} firm",
                "aliases": [self.secret],
            },
            {
                "id": "pandas",
                "name": "pandas",
                "type": "library",
                "aliases": [f"{self.name} panda"],
                **described,
            },
            *(
                {"id": f"{self.name}-part-{number}", "type": f"{self.name} part"}
                for number in range(4)
            ),
        ]
        link: dict[str, Any] = {
            "relationship_type": f"{self.name} links",
            "properties": {"note": self.secret},
        }
        relationships: list[dict[str, Any]] = [
            {
                "from_entity": start,
                "to_entity": end,
                **link,
                "confidence": 0.9 - 0.07 * place,
            }  # no two paths are equally good
            for place, (start, end) in enumerate(
                [
                    (f"{self.name}-corp", "pandas"),
                    (f"{self.name}-inc", "pandas"),
                    *((f"{self.name}-part-{number}", f"{self.name}-corp") for number in range(4)),
                    *((f"{self.name}-part-{number}", f"{self.name}-inc") for number in range(3)),
                ]
            )
        ]
        return entities, relationships


Call = Callable[[World, World, Random], Any]


def fill(world: World) -> None:
    """Have something of everything in a world."""
    client = world.client
    client.configure_entity_patterns({f"{world.name} ticket": [rf"{world.name}\d+"]})
    client.update_knowledge_graph(*world.graph())
    for number in range(3):
        client.save_conversation(**world.talk(number))
    client.save_document(
        "handbook",
        f"{COMMON} Its owner is {world.secret}. {world.name} Corp wrote it.",
        {"tags": [world.name]},
    )
    client.save_decision(*world.decision)
    client.propose_decisions("talk")


MERGE_ID = re.compile(r"merge:[0-9a-f]{32}")
NOW = re.compile(
    rf"{datetime.now(UTC):%Y}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)?"
)  # what is said in the tests was said the year before
SECONDS = re.compile(r'(?<="processing_time":)[0-9.e-]+')


def outcome(call: Call, world: World, other: World, random: Random) -> str:
    """What a call answers or raises, as text, without what is another one each time."""
    try:
        shown = _shown(call(world, other, random))
    except ContextPersistenceError as error:
        shown = f"{type(error).__name__}: {error} {error.retryable} {error.outcome}"
    shown = MERGE_ID.sub("merge:*", shown).replace(world.client._engine.namespace, "NAMESPACE")
    return SECONDS.sub("0", NOW.sub("NOW", shown))


def _shown(answer: Any) -> str:
    if isinstance(answer, BaseModel):
        return answer.model_dump_json()
    if isinstance(answer, np.ndarray):
        return str(np.round(answer, 3).tolist())
    if isinstance(answer, (list, tuple)):
        return "\n".join(_shown(each) for each in answer)
    return repr(answer)
