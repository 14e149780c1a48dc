"""`save` tells conversations from the lines of `export`."""

import json
from types import SimpleNamespace

import pytest

from mcp_context_persistence.cli.conversations import _save_all
from mcp_context_persistence.cli.exit_codes import InputError
from mcp_context_persistence.cli.inputs import read_objects
from mcp_context_persistence.cli.session import Session

STANDUP = {"conversation_id": "standup", "messages": []}
ENTITY = {"kind": "entity", "id": "Kafka", "name": "Kafka", "type": "technology"}


class Client:
    """Saves everything."""

    def batch_save_conversations(self, items, **_):
        return [
            SimpleNamespace(success=True, conversation_id=item.get("conversation_id", "none"))
            for item in items
        ]


def save(folder, *lines):
    path = folder / "chats.jsonl"
    path.write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    )
    return _save_all(
        Session(quiet=True), Client(), read_objects(path, yields_errors=True), replace=False
    )


@pytest.mark.parametrize("kind", ["chat", None, ["entity"]])
def test_a_conversation_with_a_kind_of_its_own_is_saved(tmp_path, capsys, kind):
    assert save(tmp_path, STANDUP | {"kind": kind}) == 0
    assert capsys.readouterr().out == "standup\n"


def test_one_exported_line_does_not_stop_the_conversations(tmp_path, capsys):
    assert save(tmp_path, ENTITY, STANDUP) == 0
    assert capsys.readouterr().out == "none\nstandup\n"


@pytest.mark.parametrize("lines", [[ENTITY], [{"kind": "patterns"}, ENTITY], ["{", ENTITY]])
def test_the_lines_of_an_export_are_refused(tmp_path, lines):
    with pytest.raises(InputError, match="these are lines of export"):
        save(tmp_path, ENTITY, *lines)
