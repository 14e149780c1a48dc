"""The development sets as conversations."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcp_context_persistence.models import Conversation


def locomo(data: Path) -> Iterator[tuple[str, list[Conversation], dict[str, Any]]]:
    """For each long conversation a namespace, its sessions as conversations, and the sample itself with its questions.

    A turn's id is its dialog id, so that questions' evidence can be compared with what is found.
    """
    for sample in json.loads((data / "locomo" / "locomo_dev.json").read_text()):
        talk = sample["conversation"]
        sessions = []
        for number in range(1, 100):
            if not talk.get(f"session_{number}"):
                continue
            when = datetime.strptime(talk[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
            sessions.append(
                Conversation(
                    conversation_id=f"session-{number}",
                    mode="hybrid",
                    messages=[_turn(turn, when, first=talk["speaker_a"]) for turn in talk[f"session_{number}"]],
                )
            )
        yield f"locomo-{sample['sample_id']}", sessions, sample


def _turn(turn: dict[str, Any], when: datetime, *, first: str) -> dict[str, Any]:
    caption = f" [shares {turn['blip_caption']}]" if turn.get("blip_caption") else ""
    return {
        "id": turn["dia_id"],
        "role": "user" if turn["speaker"] == first else "assistant",
        "name": turn["speaker"],
        "content": f"{turn['speaker']}: {turn['text']}{caption}",
        "timestamp": when,
        "metadata": {"dia_id": turn["dia_id"]},
    }


def evidence(question: dict[str, Any]) -> set[str]:
    """The dialog ids that a question's answer stands in, spelled alike."""
    return {f"D{a}:{int(b)}" for one in question.get("evidence", []) for a, b in re.findall(r"D:?(\d+):0*(\d+)", one)}


def qmsum(data: Path) -> Iterator[tuple[str, Conversation, dict[str, Any]]]:
    """For each meeting an id, the meeting as a conversation, and the meeting itself with its queries."""
    for number, line in enumerate((data / "qmsum" / "val.jsonl").read_text().splitlines()):
        meeting = json.loads(line)
        turns = [
            {"role": "user", "name": turn["speaker"], "content": f"{turn['speaker']}: {turn['content']}"}
            for turn in meeting["meeting_transcripts"]
        ]
        yield f"meeting-{number}", Conversation(conversation_id=f"meeting-{number}", mode="hybrid", messages=turns), meeting
