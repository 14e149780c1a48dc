"""Delete texts: messages, documents and decisions, with what only they support."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.errors import Rollback
from mcp_context_persistence.kg.merging.snapshots import remove_texts
from mcp_context_persistence.kg.timestamps import now_ms
from mcp_context_persistence.kg.writes import deletion as statements
from mcp_context_persistence.kg.writes.deletion import Texts
from mcp_context_persistence.responses.deletion import ChangedCounts, DeletedCounts
from mcp_context_persistence.runtime.engine import Engine

# Columns of `delete/texts` that are fields of `DeletedCounts`.
DELETED_WITH_TEXTS = (
    "conversations",
    "messages",
    "passages",
    "decisions",
    "instructions",
    "entities",
    "relationships",
    "mentions",
)


@dataclass(kw_only=True)
class Removal:
    """What a deletion has removed, or would remove.

    Attributes:
        existed: Whether there was something to delete.
        deleted: Numbers of deleted items, by the fields of `DeletedCounts`.
        changed: Numbers of changed items, by the fields of `ChangedCounts`.
    """

    existed: bool = False
    deleted: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Add the counts of `delete/texts`."""
        self.deleted.update({name: row[name] for name in DELETED_WITH_TEXTS})
        self.changed["relationships"] += row["weakened"]

    def fields(self) -> dict[str, Any]:
        """Return the fields of a `DeleteResponse`."""
        return {
            "existed": self.existed,
            "deleted": DeletedCounts(**self.deleted),
            "changed": ChangedCounts(**self.changed),
        }


class _Preview(Rollback):
    """A deletion was computed and must not be kept."""


def run_deletion(
    engine: Engine, work: Callable[[Run], Removal], *, name: str, dry_run: bool
) -> Removal:
    """Run a deletion in one transaction; roll it back if it is only a preview.

    If the answer to a commit is lost, the next attempt finds nothing. Then the result is that of
    the first attempt.
    """
    last_removal = Removal()

    def attempt(run: Run) -> Removal:
        nonlocal last_removal
        removal = work(run)
        if removal.existed:
            last_removal = removal
        if dry_run:
            raise _Preview
        return removal

    try:
        engine.graph.transact(attempt, name=name)
    except _Preview:
        return last_removal
    if last_removal.existed:
        engine.cache.clear()
    return last_removal


def delete_texts(engine: Engine, run: Run, texts: Texts, *, preview: bool) -> Removal:
    """Delete texts inside a transaction, and remove them from the snapshots of merges."""
    row: Row = run(statements.delete_texts(engine.namespace, texts, preview=preview, now=now_ms()))[
        0
    ]
    ids = {*texts.messages, *texts.passages, *texts.decisions}
    prefix = texts.text_prefix

    def is_deleted(text_id: str) -> bool:
        return text_id in ids or (prefix is not None and text_id.startswith(prefix))

    snapshots = remove_texts(
        row["snapshots"], is_deleted=is_deleted, descriptions=row["descriptions"]
    )
    if snapshots:
        run(statements.save_snapshots(engine.namespace, snapshots))
    removal = Removal()
    removal.add(row)
    return removal
