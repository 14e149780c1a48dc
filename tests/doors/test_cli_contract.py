"""What scripts rely on: fields of JSON, exit codes, errors without values, help, completion."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from mcp_context_persistence.cli import main
from mcp_context_persistence.cli.help_pages import split_help
from tests.doors.cli_runner import use_service_only

SECRET = "hunter2secret"
PAGE = Path(__file__).parents[2] / "docs/command-line.md"
MESSAGE = {
    "id": "standup-1",
    "role": "user",
    "content": "We decided to use pandas. Please always answer in French.",
}
STANDUP = {"conversation_id": "standup", "messages": [MESSAGE]}


@pytest.fixture
def filled(commands, client):
    """Return the commands of a namespace in which every example has something to work on."""
    names = ("OrderValidator", "pandas", "ACME Corporation", "Acme")
    client.update_knowledge_graph([{"name": name, "type": "organization"} for name in names], [])
    client.create_relationship("OrderValidator", "pandas", "uses")
    client.save_conversation("standup", [MESSAGE], metadata={"project": "orders"})
    client.save_document("handbook", "Restart PostgreSQL first.")
    return commands


# The fields of each line that --json prints; a field may be added, but none may go.
FIELDS = {
    "search pandas": {
        "confidence", "content", "conversation_id", "explanation", "id", "message_id", "metadata",
        "name", "role", "similarity_score", "timestamp", "type",
    },
    "context pandas": {"citations", "confidence", "instructions", "notes", "text", "tokens"},
    "load standup": {
        "conversation_id", "created_at", "leaf_id", "messages", "metadata", "next_cursor",
        "project_path", "total_messages", "updated_at",
    },
    "list": {
        "conversation_id", "created_at", "metadata", "mode", "project_path", "total_messages",
        "updated_at",
    },
    "list documents": {"created_at", "document_id", "metadata", "passages", "project_path"},
    "load --document handbook": {"document_id", "entity_ids", "passages", "text"},
    "list entities": {
        "aliases", "confidence", "created_at", "description", "id", "mention_count", "metadata",
        "name", "type",
    },
    "instructions list": {
        "attribute", "id", "kind", "message_id", "scope", "status", "subject", "text",
        "timestamp",
    },
    "decisions propose standup": {"conversation_id", "outdated", "proposals", "saved"},
    "list decisions": {
        "confidence", "context", "conversation_id", "created_at", "decision_type", "id",
        "outcome", "status",
    },
    "extract pandas": {"entities", "relationships", "stored", "unasserted"},
    "relate OrderValidator checks pandas": {"created", "relationship"},
    "graph OrderValidator": {
        "confidence", "direction", "distance", "entity_id", "name", "relationship_type", "type",
    },
    "graph OrderValidator --to pandas": {
        "confidence", "entities", "from_entity", "length", "relationship_type", "steps",
        "to_entity",
    },
    "stats": {"stats"},
    "analytics": {"avg_degree", "clustering", "components", "density", "total_edges"},
    "analytics --central pagerank": {"centrality_score", "id", "name", "type"},
    "communities": {"entities", "id", "label", "size"},
    "duplicates": {"compared", "groups", "pairs", "total_pairs", "truncated"},
    "merge pandas Acme": {"kept_id", "merge_id", "merged_ids"},
    "list merges": {"kept", "merge_id", "merged", "merged_at", "undone_at"},
    "config": {"database_url", "namespace", "deadline"},
    "append standup Done.": {"created_ids", "differing_ids", "total_messages", "unchanged_ids"},
    "delete conversation standup --dry-run": {"changed", "deleted", "dry_run", "existed"},
    "delete conversation standup --yes": {"changed", "deleted", "dry_run", "existed"},
}  # fmt: skip


def test_json_has_these_fields(filled):
    for words, fields in FIELDS.items():
        lines = filled.read(*shlex.split(words))
        assert lines, words
        for line in lines:
            assert fields <= line.keys(), (words, sorted(fields - line.keys()))


SAME = (
    "search pandas --explain --metadata --json", "search pandas", "context pandas --json",
    "load standup --json", "list entities --json", "list --json", "instructions list --json",
    "graph OrderValidator --json", "graph OrderValidator --to pandas --json", "stats",
    "duplicates --json", "communities --json", "export", "load nothing", "search ''",
    "search x --since never", "merge pandas nothing", "delete conversation standup --dry-run",
    "save -", "save - --json",
)  # fmt: skip
NOT_SAVED = '{"conversation_id": "a", "messages": 5}'
_CHANGING = re.compile(r'"(?:processing_time|statements)":(?:[0-9.e-]+|\[[^]]*\])')


@pytest.mark.parametrize("commands", ["store"], indirect=True)
def test_the_output_with_the_service_is_the_same(filled, service_home, monkeypatch):
    outputs = []
    for _ in range(2):
        results = [filled.run(*shlex.split(words), text=NOT_SAVED) for words in SAME]
        outputs.append([(r.exit_code, _CHANGING.sub("", r.stdout), r.stderr) for r in results])
        monkeypatch.setenv("XDG_DATA_HOME", str(service_home))
        use_service_only(monkeypatch)
    for words, own, served in zip(SAME, *outputs, strict=True):
        assert served == own, words


def test_lines_in_a_pipe_have_no_colors_and_no_width(filled, client):
    client.save_conversation("wide", [{"role": "user", "content": f"pandas\t\x1b[31m {'x' * 300}"}])
    (line,) = filled.print("search", "pandas", "--conversation", "wide", "--type", "message")
    assert "\x1b" not in line
    assert line.endswith("x" * 300)
    assert line.count("\t") == 3


@pytest.mark.parametrize(
    "words",
    [
        f"search a --limit {SECRET}",
        f"search a --mode {SECRET}",
        f"search a --{SECRET}",
        f"search a {SECRET}",
        f"search a --since {SECRET}",
        f"search a --where {SECRET}",
        f"{SECRET}",
        f"list {SECRET}",
        f"instructions {SECRET}",
        f"load {SECRET} --limit 0",
        f"delete message {SECRET}",
        f"delete relationship {SECRET} --yes",
        f"merge {SECRET}",
        f"relate {SECRET} `{SECRET} x",
        f"relate {SECRET} uses x --confidence 7",
        f"save {SECRET}.jsonl",
        f"append {SECRET}",
        f"decisions save {SECRET} x",
        f"completion {SECRET}",
        f"analytics --central {SECRET}",
        f"context {SECRET} --tokens -1",
        "search ''",
    ],
)
def test_bad_input_ends_with_2_and_one_line_without_values(commands, words):
    arguments = shlex.split(words)
    for options in ([], ["--json"]):
        result = commands.run(*options, *arguments)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert SECRET not in result.stderr
    assert json.loads(result.stderr)["exit_code"] == 2


@pytest.mark.parametrize(
    ("words", "begin"),
    [
        ("search a --limit 0", "--limit must"),
        ("search a --role x", "--role must"),
        ("search a --since x", "--since must"),
        ("search a --since 2026-02-01 --until 2026-01-01", "the time from --since to --until ends"),
        ("""search a --where 'a={"gte": "x", "lte": 1}'""", "--where a must"),
        ("search a --exclude b --exclude ''", "--exclude must"),
        ("""search a --where 'a={"gt": 1, "gt": 2}'""", "--where: an object has a key twice"),
        ("context a --tokens -1", "--tokens must"),
        ("context ''", "QUERY must"),
        ("list documents --conversation x", "--conversation does not apply"),
        ("list entities --type ''", "--type must"),
        ("load nothing", "ID: there is no such conversation"),
        ("load standup --before nothing", "--before: the conversation has no such message"),
        ("append standup a --role x", "--role: must"),
        ("append standup a\udcff", "TEXT: is not in UTF-8"),
        ("search a\udcff", "QUERY is not in UTF-8"),
        ("append standup --file FILE", "messages.0.role: must"),
        ("decisions save standup x --why ''", "--why must"),
        ("relate nothing uses pandas", "SOURCE: there is no entity"),
        ("graph pandas --to nothing", "--to: there is no entity"),
        ("merge pandas pandas", "DUPLICATE: one of them is the entity in KEEP,"),
        ("merge nothing nobody", "KEEP and DUPLICATE: there is no entity"),
        ("analytics --central degree --top 0", "--top must"),
    ],
)
def test_an_error_names_what_was_typed(filled, tmp_path, words, begin):
    (tmp_path / "a.json").write_text('{"role": "x", "content": "y"}')
    words = [word.replace("FILE", str(tmp_path / "a.json")) for word in shlex.split(words)]
    result = filled.run(*words)
    assert result.stderr.startswith(f"error: {begin}")
    assert json.loads(filled.run(*words, "--json").stderr)["error"].startswith(begin)


@pytest.mark.parametrize(
    "words",
    ["load nothing", "graph nothing", "search x", "delete message nothing --yes",
     "instructions retire nothing", "relate a uses b"],
)  # fmt: skip
def test_nothing_found_ends_with_3(commands, words):
    result = commands.run(*shlex.split(words))
    assert result.exit_code == 3, result.stderr


@pytest.mark.parametrize(
    ("words", "similar"), [(["serch"], "search, serve"), (["keys", "rotat"], "rotate")]
)
def test_the_error_for_an_unknown_command_names_similar_ones(words, similar):
    result = CliRunner().invoke(main.commands, words)
    assert result.exit_code == 2
    assert f"; similar ones: {similar} (" in result.stderr


def test_a_store_that_cannot_be_opened_ends_with_4():
    words = ["--store", "bolt://127.0.0.1:1", "--json", "stats"]
    result = CliRunner().invoke(main.commands, words, env={"CONTEXT_DB_USER": None})
    assert result.exit_code == 4
    assert json.loads(result.stderr)["retryable"] is True


def test_a_note_says_that_a_folder_is_no_store_yet(tmp_path):
    (tmp_path / "file").touch()
    for path, is_new, code in [(tmp_path / "file/memory", True, 4), (tmp_path / "file", False, 2)]:
        result = CliRunner().invoke(main.commands, ["append", "a", "b", "--store", str(path)])
        assert result.exit_code == code
        assert (f"there is no store in {path} yet" in result.stderr) is is_new


def test_a_list_without_keys_says_so(tmp_path):
    words = ["keys", "list", "--file", str(tmp_path / "keys.json")]
    result = CliRunner().invoke(main.commands, words)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "there are no keys\n")
    assert CliRunner().invoke(main.commands, [*words, "--json"]).stdout == "[]\n"


def test_conversations_that_cannot_be_saved_are_named_and_the_others_saved(commands):
    text = f'{json.dumps(STANDUP)}\n{{"conversation_id": "{SECRET}"}}\n'
    result = commands.run("save", "-", text=text)
    assert (result.exit_code, result.stdout) == (5, "standup\n")
    assert result.stderr.startswith("error: line 2: messages")
    assert SECRET not in result.stderr
    result = commands.run("save", "-", text=text.splitlines()[1])
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_line_that_is_not_json_does_not_stop_the_others(commands):
    other = json.dumps({"conversation_id": "retro", "messages": [{**MESSAGE, "id": "retro-1"}]})
    text = f"{json.dumps(STANDUP)}\n{SECRET}\n\n{other}\n"
    result = commands.run("save", "-", text=text)
    assert (result.exit_code, result.stdout) == (5, "standup\nretro\n")
    assert result.stderr == "error: line 2, column 1: this is not JSON\n"


def test_save_says_which_command_reads_an_export(filled):
    exported = "\n".join(filled.print("export"))
    result = filled.run("save", "-", text=exported)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: these are lines of export; read them with: context-persistence ingest\n"
    )


def test_an_ingest_that_stops_says_that_it_has_begun(commands):
    items = [
        {"kind": "entity", "id": f"tool-{n}", "name": f"tool-{n}", "type": "tool"}
        for n in range(101)
    ]
    lines = [json.dumps(item) for item in items]
    result = commands.run("ingest", "-", "--json", text="\n".join([*lines, SECRET]))
    assert result.exit_code == 2
    assert json.loads(result.stderr)["outcome"] == "unknown"
    result = commands.run("ingest", "-", "--json", text=SECRET)
    assert json.loads(result.stderr)["outcome"] == "not_applied"


@pytest.mark.parametrize(
    ("variable", "words"),
    [("CONTEXT_JSON", ["stats"]), ("CONTEXT_QUIET", ["stats"]), ("CONTEXT_MCP_PROFILE", ["mcp"])],
)
def test_a_variable_that_is_not_valid_is_named(monkeypatch, variable, words):
    monkeypatch.setenv(variable, SECRET)
    result = CliRunner().invoke(main.commands, words)
    assert result.exit_code == 2
    assert f"{variable} must be" in result.stderr
    assert SECRET not in result.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("search a --limit", "--limit needs a value (see context-persistence search --help)"),
        ("search a --json=1", "--json takes no value (see context-persistence search --help)"),
        ("decisions save a b --why", "--why needs a value (see context-persistence decisions save"),
        ("--store https://a.example stats", "--store must be one of: "),
        ("stats --store https://a.example", "--store must be one of: "),
    ],
)
def test_what_is_wrong_with_an_option_is_said(words, text):
    arguments = shlex.split(words)
    result = CliRunner().invoke(main.commands, arguments, prog_name="context-persistence")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {text}")


def test_a_missing_command_is_named():
    for words in (["--json"], ["--quiet", "--store", "memory"]):
        result = CliRunner().invoke(main.commands, words)
        assert result.exit_code == 2
        assert "the name of a command is missing" in result.stderr


def test_an_answer_of_no_deletes_nothing(filled, monkeypatch):
    monkeypatch.setattr("mcp_context_persistence.cli.deletion.sys.stdin.isatty", bool)
    result = filled.run("delete", "conversation", "standup", text="y\n")
    assert result.exit_code == 2  # nobody can be asked
    assert filled.print("list")


def test_help_lists_every_command_with_its_own_text():
    context = main.commands.make_context("context-persistence", ["--help"], resilient_parsing=True)
    page = CliRunner().invoke(main.commands, ["--help"]).stdout
    for name, (_, text) in main.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text[:30])}", page, re.MULTILINE), name
        command = main.commands.get_command(context, name)
        help_text, _ = split_help(command.help)
        assert help_text, name
        assert CliRunner().invoke(main.commands, [name, "--help"]).exit_code == 0
    assert "130 stopped" in page


def list_commands(group, *names):
    """Yield all commands below a group with their words."""
    context = group.make_context("context-persistence", [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*names, name), command
        if hasattr(command, "list_commands"):
            yield from list_commands(command, *names, name)


def read_examples():
    """Return the examples of all help pages and those of the documentation, in their order."""
    examples = [
        line for _, command in list_commands(main.commands) for line in split_help(command.help)[1]
    ]
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    examples += [line for line in lines if line.startswith("context-persistence")]
    # What deletes comes last, so that the others find what they name.
    return sorted(examples, key=lambda line: " delete " in line or " merge " in line)


def test_the_examples_run(filled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("chats.jsonl").write_text(json.dumps(STANDUP))
    Path("runbook.md").write_text("Restart PostgreSQL first.")
    exported = "\n".join(filled.print("export"))
    Path("memory.jsonl").write_text(exported)
    examples = read_examples()
    assert len(examples) > 20
    for line in examples:
        command, _, _ = line.partition(" | ")
        words = shlex.split(command.partition(" > ")[0].partition("#")[0])[1:]
        if words[0] == "server" or "--store" in words:
            continue  # these have servers of their own, see tests/acceptance/test_command_line.py
        if "--namespace" in words:
            place = words.index("--namespace") + 1
            words[place] = f"{filled.namespace}-{words[place]}"
        result = filled.run(*words, text=json.dumps(STANDUP))
        assert result.exit_code in {0, 3}, (line, result.stderr)


def test_the_page_lists_every_command():
    table = PAGE.read_text().split("## Commands\n")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `([a-z]+)", table, re.MULTILINE))
    assert listed == set(main.COMMANDS)


def test_words_are_completed():
    def complete(words, start):
        completion = ShellComplete(main.commands, {}, "context-persistence", "_X")
        return [item.value for item in completion.get_completions(words, start)]

    assert complete([], "se") == ["server", "search", "serve"]
    assert "--mode" in complete(["search"], "--")
    assert complete(["search", "--mode"], "h") == ["hybrid"]
    assert complete(["instructions"], "re") == ["retire"]
    for shell in ("bash", "zsh", "fish"):
        script = CliRunner().invoke(main.commands, ["completion", shell]).stdout
        assert "_CONTEXT_PERSISTENCE_COMPLETE" in script
