"""The configuration file: strict where it is ours, ignored where it is another program's."""

import os
from pathlib import Path

import pytest
import yaml

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.config.settings import Config, load_config
from mcp_context_persistence.runtime.config.sources import describe_ignored_file, variables_of


@pytest.fixture(autouse=True)
def _bare(tmp_path, monkeypatch):
    """An empty working directory, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    fields = Config.model_fields.values()
    for name in [*(name for field in fields for name in variables_of(field)), "CONTEXT_CONFIG"]:
        monkeypatch.delenv(name, raising=False)


def write(content, path="config.yaml"):
    Path(path).write_text(
        content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8"
    )


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_another_file_can_be_named(place, tmp_path, monkeypatch):
    write({"search": {"default_limit": 1}})
    write({"search": {"default_limit": 2}}, "other.yaml")
    assert load_config().default_search_limit == 1
    if place == ".env":
        Path(".env").write_text("CONTEXT_CONFIG=other.yaml\n")
    else:
        monkeypatch.setenv("CONTEXT_CONFIG", str(tmp_path / "other.yaml"))
    assert load_config().default_search_limit == 2
    monkeypatch.setenv("CONTEXT_CONFIG", os.devnull)
    assert load_config().default_search_limit is None
    monkeypatch.setenv("CONTEXT_CONFIG", "missing.yaml")
    with pytest.raises(ValidationError, match="CONTEXT_CONFIG: there is no such file"):
        load_config()


WRONG_FILES = [
    ("databse:\n  url: s3cret", "unknown section 'databse'; did you mean database"),
    (
        "database:\n  poolsize: s3cret",
        "section database has an unknown key 'poolsize'; did you mean database.pool_size",
    ),
    (
        "nlp:\n  batch_size: s3cret",
        "section nlp has an unknown key 'batch_size'; did you mean performance.batch_size",
    ),
    ("database: s3cret", "section database must contain keys"),
    ("- s3cret", "must contain sections"),
    ("database:\n  url: [s3cret", "not valid YAML .line"),
    ("database: !!python/object/apply:os.system [s3cret]", "not valid YAML"),
    ("search:\n  default_limit: s3cret", "default_search_limit comes from search.default_limit in"),
    ("\0s3cret", "cannot be read"),
]


def assert_refused(pattern):
    with pytest.raises(ValidationError, match=pattern) as caught:
        load_config()
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in str(error)
        error = error.__cause__


@pytest.mark.parametrize(("text", "pattern"), WRONG_FILES)
def test_a_wrong_file_that_is_named_is_refused_with_a_hint_and_without_the_value(
    text, pattern, monkeypatch
):
    write(text, "own.yaml")
    monkeypatch.setenv("CONTEXT_CONFIG", "own.yaml")
    assert_refused(pattern)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("nlp:\n  spacy_model: a\ndatabse:\n  url: s3cret", "'databse'; did you mean database"),
        ("database:\n  url: a\n  poolsize: s3cret", "'poolsize'; did you mean database.pool_size"),
        ("database:\n  url: [s3cret", "not valid YAML .line"),
        ("search:\n  default_limit: s3cret", "search.default_limit in config.yaml"),
    ],
)
def test_a_wrong_file_of_this_library_is_refused_where_it_merely_lies_there(text, pattern):
    write(text)
    assert_refused(pattern)


FOREIGN_FILES = [
    "server:\n  port: 8080\n",
    "databse:\n  url: a\n",
    "database:\n  host: localhost\n  port: 5432\n",
    "logging:\n  version: 1\n",
    "database: s3cret",
    "- 1",
    "just a text",
    "image: {{ .Values.image }}",
    "Resources: !Ref thing",
    "1: 2",
    "\0",
]


@pytest.mark.parametrize("text", FOREIGN_FILES)
def test_a_config_file_of_another_program_is_ignored(text):
    write(text)
    assert load_config() == Config()
    ignored = describe_ignored_file(Config.model_fields)
    assert ignored is not None
    is_suspicious, message = ignored
    assert not is_suspicious
    assert message.startswith("config.yaml in the working directory is ignored")


@pytest.mark.parametrize(
    "text",
    [
        "database:\n  url: postgresql://host/shop\nserver:\n  port: 8080\n",
        "logging:\n  level: DEBUG\nserver:\n  port: 8080\n",
    ],
)
def test_a_config_file_with_sections_of_another_program_is_ignored_with_a_warning(text):
    write(text)
    assert load_config().model_fields_set == set()
    ignored = describe_ignored_file(Config.model_fields)
    assert ignored is not None
    is_suspicious, message = ignored
    assert is_suspicious
    assert "name it in CONTEXT_CONFIG" in message


def test_a_folder_called_config_yaml_is_ignored():
    Path("config.yaml").mkdir()
    assert load_config().model_fields_set == set()


@pytest.mark.parametrize("text", [None, "", "search:\n  default_limit: 3\n"])
def test_nothing_is_said_about_a_file_that_is_used_or_missing_or_empty(text):
    if text is not None:
        write(text)
    assert describe_ignored_file(Config.model_fields) is None
