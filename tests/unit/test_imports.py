"""What is imported only where it is used."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.usefixtures("torch_in_programs")

HEAVY = frozenset(
    {
        *("neo4j", "neomodel", "graphdatascience"),
        *("numpy", "pandas", "pyarrow", "scipy", "torch", "transformers", "onnxruntime"),
        *("spacy", "sentence_transformers", "gliner", "re2"),
        *("pydantic", "pydantic_settings", "rich", "yaml", "requests", "psutil"),
        *("redis", "opentelemetry", "prometheus_client"),
    }
)
# What a client needs before its first call.
OF_A_CLIENT = frozenset({"neo4j", "numpy", "pydantic", "pydantic_settings", "yaml", "psutil"})


def imported_by(statement):
    """Run a statement in a new process; return the heavy modules that it has imported."""
    program = (
        f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    return HEAVY & set(json.loads(process.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    [
        "import mcp_context_persistence",
        "from mcp_context_persistence.exceptions import ContextPersistenceError",
        "import mcp_context_persistence.cli.main",
    ],
)
def test_the_package_and_its_command_import_nothing_heavy(statement):
    assert imported_by(statement) == set()


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["server", "--help"], ["demo", "--help"]]
)
def test_help_and_version_import_nothing_heavy(arguments):
    statement = f"""
from mcp_context_persistence.cli.main import main
sys.argv = ["context-persistence", *{arguments}]
try:
    main()
except SystemExit as ending:
    assert not ending.code
"""
    assert imported_by(statement) == set()


def test_the_client_imports_only_what_every_client_needs():
    assert imported_by("import mcp_context_persistence.client") <= OF_A_CLIENT


def test_the_driver_is_imported_without_pandas_which_can_be_imported_afterwards():
    statement = """
before = list(sys.meta_path)
import mcp_context_persistence.kg.driver.graph
assert "neo4j" in sys.modules
assert "pandas" not in sys.modules and "pyarrow" not in sys.modules
assert sys.meta_path == before
import pandas
assert pandas.DataFrame({"a": [1]}).shape == (1, 1)
"""
    assert "pandas" in imported_by(statement)


def test_a_driver_that_was_imported_before_is_left_as_it_is():
    statement = """
import neo4j
import mcp_context_persistence.kg.driver.graph
assert sys.modules["neo4j"] is neo4j
"""
    assert "neo4j" in imported_by(statement)


def test_python_without_docstrings_imports_everything_and_says_what_it_lacks():
    """`python -OO` removes the documentation, of which some is shown to users and assistants."""
    program = """
import mcp_context_persistence.main
from mcp_context_persistence.exceptions import DatabaseError, ValidationError
from mcp_context_persistence.mcp_server.profiles import select_tools
print(DatabaseError())
print(len(select_tools("small")) > 0)
try:
    select_tools("full")
except ValidationError as error:
    print(error)
"""
    process = subprocess.run(
        [sys.executable, "-OO", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    lines = process.stdout.splitlines()
    assert lines[:2] == ["DatabaseError", "True"]
    assert "start Python without -OO" in lines[2]
