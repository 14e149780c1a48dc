"""What the client is opened with is checked before anything is opened."""

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("auth", ["secret", ("secret",), ("a", "b", "secret"), 5, ("secret", None), (1, 2)]),
        ("database", [5, ["secret"], "secret\0", ""]),
        ("enable_metrics", ["false", 1, None]),
        ("progress", [5, "secret"]),
        ("namespace", [None, 5, ""]),
    ],
)
def test_arguments_that_are_not_valid_are_named_and_nothing_is_opened(field, values, tmp_path):
    for value in values:
        for address in ("bolt://127.0.0.1:1", f"local:{tmp_path}/store"):
            with pytest.raises(ValidationError, match=rf"^{field} ") as caught:
                ContextPersistenceClient(address, **{field: value})
            assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
