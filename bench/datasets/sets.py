"""Read the development sets as conversations."""

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mcp_context_persistence.models import Conversation, Message

Talk = list[Conversation]


def locomo(data: Path) -> Iterator[tuple[str, list[Conversation], dict[str, Any]]]:
    """Yield the long chats of LoCoMo.

    The id of a turn is its dialog id, so that the evidence of a question can be compared with
    results.

    Yields:
        A namespace, the sessions as conversations, and the sample with its questions.
    """
    for sample in json.loads((data / "locomo" / "locomo_dev.json").read_text()):
        chat = sample["conversation"]
        sessions = []
        for number in range(1, 100):
            if not chat.get(f"session_{number}"):
                continue
            time = datetime.strptime(
                chat[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y"
            ).replace(tzinfo=UTC)
            sessions.append(
                Conversation(
                    conversation_id=f"session-{number}",
                    mode="hybrid",
                    messages=[
                        _make_turn(turn, time, first=chat["speaker_a"])
                        for turn in chat[f"session_{number}"]
                    ],
                )
            )
        yield f"locomo-{sample['sample_id']}", sessions, sample


def _make_turn(turn: dict[str, Any], time: datetime, *, first: str) -> dict[str, Any]:
    caption = f" [shares {turn['blip_caption']}]" if turn.get("blip_caption") else ""
    return {
        "id": turn["dia_id"],
        "role": "user" if turn["speaker"] == first else "assistant",
        "name": turn["speaker"],
        "content": f"{turn['speaker']}: {turn['text']}{caption}",
        "timestamp": time,
        "metadata": {"dia_id": turn["dia_id"]},
    }


def evidence(question: dict[str, Any]) -> set[str]:
    """Return the dialog ids of a question's evidence, all in one spelling."""
    return {
        f"D{a}:{int(b)}"
        for ids in question.get("evidence", [])
        for a, b in re.findall(r"D:?(\d+):0*(\d+)", ids)
    }


def qmsum(data: Path) -> Iterator[tuple[str, Conversation, dict[str, Any]]]:
    """Yield for each meeting an id, its conversation, and the meeting with its queries."""
    for number, line in enumerate((data / "qmsum" / "val.jsonl").read_text().splitlines()):
        meeting = json.loads(line)
        turns = [
            {
                "role": "user",
                "name": turn["speaker"],
                "content": f"{turn['speaker']}: {turn['content']}",
            }
            for turn in meeting["meeting_transcripts"]
        ]
        yield (
            f"meeting-{number}",
            Conversation(conversation_id=f"meeting-{number}", mode="hybrid", messages=turns),
            meeting,
        )


def message_ids(conversations: Iterable[Conversation]) -> set[str]:
    """Return the ids of the conversations' messages."""
    return {
        message.id
        for conversation in conversations
        for message in conversation.messages
        if message.id
    }


def real(data: Path, name: str, count: int) -> Talk:
    """Read conversations with about `count` messages in all; none where the set is missing."""
    conversations: Talk = []
    if name == "locomo" and (data / "locomo" / "locomo_dev.json").is_file():
        for number, (_, sessions, _) in enumerate(locomo(data)):
            for index, session in enumerate(sessions):
                messages = [
                    Message(role=message.role, content=message.content)
                    for message in session.messages
                ]
                conversations.append(
                    Conversation(
                        conversation_id=f"{number}:{index}", messages=messages, mode="hybrid"
                    )
                )
    file = data / "sgd" / "train.compact.jsonl.gz"
    if name == "sgd" and file.is_file():
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                messages = [
                    Message(role="user", content=turn["text"]) for turn in json.loads(line)["turns"]
                ]
                conversations.append(
                    Conversation(conversation_id=str(number), messages=messages, mode="hybrid")
                )
                if number * 10 > count:
                    break
    total = 0
    for index, conversation in enumerate(conversations):
        total += len(conversation.messages)
        if total >= count:
            return conversations[: index + 1]
    return conversations


def beam(data: Path) -> Iterator[tuple[str, list[Conversation], list[dict[str, Any]]]]:
    """Yield the chats of BEAM, of a user with an assistant.

    The id of a message is its number in the chat. A message without a date follows the one before.

    Yields:
        A namespace, the batches as conversations, and the questions.
    """
    file = data / "beam" / "beam_100k_dev.jsonl.gz"
    if not file.is_file():
        return
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            chat = json.loads(line)
            yield f"beam-{number}", _make_batches(chat["batches"]), chat["questions"]


def _make_batches(batches: Iterable[dict[str, Any]]) -> list[Conversation]:
    time = datetime(2024, 1, 1, tzinfo=UTC)
    conversations = []
    for batch in batches:
        messages = []
        for message in batch["messages"]:
            time += timedelta(minutes=1)
            if anchor := message.get("time_anchor"):
                time = datetime.strptime(anchor, "%B-%d-%Y").replace(tzinfo=UTC)
            messages.append(
                {
                    "id": str(message["id"]),
                    "role": message["role"],
                    "content": message["content"],
                    "timestamp": time,
                }
            )
        conversations.append(
            Conversation(
                conversation_id=f"batch-{batch['batch']}", mode="hybrid", messages=messages
            )
        )
    return conversations
