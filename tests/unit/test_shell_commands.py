"""Commands in messages may be copied into a shell, whatever value they contain."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from mcp_context_persistence.ingest.extraction.extractor import Extractor
from mcp_context_persistence.ingest.models import encoders, spacy_pipeline
from mcp_context_persistence.kg.errors import NLPError, VectorDBError
from mcp_context_persistence.kg.shell_commands import MAX_WORD_CHARACTERS, format_command

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("kg", "ingest", "queries", "mcp_context_persistence")
HOSTILE = ["x; touch /tmp/y", "$(id)", "`id`", "a'b\"c", "a b", "x && y | z", "~", "*", "\\", "é"]
NOT_SHOWN = ["-x", "--token=1", "a\nb", "a\x1b[2Jb", "a\u202eb", "a\ud800", "x" * 300]
# Values that are constants of the library, or numbers.
SAFE_VALUES = re.compile(r"_?[A-Z_]+|pid|owner")
COMMAND = re.compile(
    r"\b(pip install|hf download|spacy download|kill|context-persistence( \w+)+|rm|chmod|sudo)"
    r"( -[-\w]+)* ['\"]?$"
)


def find_missing(name):
    with pytest.raises(VectorDBError) as caught:
        encoders.find(name)
    return str(caught.value)


def load_missing(name):
    with pytest.raises(NLPError) as caught:
        Extractor(name).load()
    return str(caught.value)


def load_damaged(name, monkeypatch):
    monkeypatch.setattr(spacy_pipeline, "is_installed", lambda _: True)
    with pytest.raises(NLPError) as caught:
        spacy_pipeline.load(name)
    return str(caught.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_value_is_one_word_of_a_suggested_command(name, monkeypatch):
    for text, start, last_word in (
        (find_missing(f"me/{name}"), "hf download ", f"me/{name}"),
        (load_missing(name), "python -m spacy download ", name),
        (load_damaged(name, monkeypatch), "python -m spacy download ", name),
    ):
        command = text[text.index(start) :]
        assert shlex.split(command) == [*start.split(), last_word]


@pytest.mark.parametrize("value", NOT_SHOWN)
def test_a_value_that_a_reader_cannot_check_is_not_shown(value):
    assert format_command("run", "it", value=value, placeholder="NAME") == "run it NAME"
    assert format_command("run", value="x" * MAX_WORD_CHARACTERS, placeholder="NAME") == (
        "run " + "x" * MAX_WORD_CHARACTERS
    )


def find_unquoted_values(tree):
    """Yield the f-strings in which a value follows a command without `format_command`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = ""
            for part in node.values:
                if not isinstance(part, ast.FormattedValue):
                    text += ast.literal_eval(part)
                elif COMMAND.search(text) and not SAFE_VALUES.fullmatch(ast.unparse(part.value)):
                    yield ast.unparse(node)


def test_no_message_puts_a_raw_value_into_a_command():
    unquoted = [
        f"{file}: {text}"
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        for text in find_unquoted_values(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert unquoted == []
    assert list(find_unquoted_values(ast.parse("f'Install it with: hf download {name}'")))
