"""The logs of a store's server."""

from mcp_context_persistence.kg.limits import SERVER_LOG_BYTES
from mcp_context_persistence.kg.local import diagnosis
from mcp_context_persistence.kg.local.server_logs import FILES, remove_surplus


def test_surplus_logs_of_an_earlier_version_are_deleted(tmp_path):
    debug = next(file for file in FILES["server-logs.xml"] if file.name == "debug.log")
    expected = {
        "debug.log",
        "debug.log.01",
        "debug.log.03",
        "security.log.01",
        "debug.log.txt",
        "gc.log.9",
    }
    for name in expected | {"debug.log.04", "debug.log.07", "security.log.02"}:
        (tmp_path / name).write_text("x")
    (tmp_path / "debug.log.02").write_bytes(bytes(debug.size * 2))
    remove_surplus(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_the_logs_of_a_store_are_limited_by_configuration():
    limit = sum(file.max_bytes for files in FILES.values() for file in files)
    assert limit + 2 * (diagnosis.CONSOLE_BYTES + 1_000_000) <= SERVER_LOG_BYTES
