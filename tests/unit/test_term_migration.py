"""The migration of terms: what a text gets."""

from mcp_context_persistence.kg.schema.term_migration import _build_row

TEXT = {"key": "1", "content": "Orders of the garden", "metadata": '{"a": 1}', "shared": None}


def test_damaged_metadata_do_not_stop_a_migration() -> None:
    whole = _build_row("Message", TEXT)
    damaged = _build_row("Message", {**TEXT, "metadata": '{"secret": "Ros'})
    assert whole["own"]
    assert damaged == {**whole, "own": [], "tokens": []}
