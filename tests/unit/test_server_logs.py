"""The logs of a store's server."""

from mcp_context_persistence.kg.local.server_logs import FILES, remove_surplus


def test_logs_that_an_earlier_version_kept_go_and_those_of_this_one_stay(tmp_path):
    debug = next(file for file in FILES["server-logs.xml"] if file.name == "debug.log")
    kept = {
        "debug.log",
        "debug.log.01",
        "debug.log.03",
        "security.log.01",
        "debug.log.txt",
        "gc.log.9",
    }
    for name in kept | {"debug.log.04", "debug.log.07", "security.log.02"}:
        (tmp_path / name).write_text("x")
    (tmp_path / "debug.log.02").write_bytes(bytes(debug.size * 2))
    remove_surplus(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept
