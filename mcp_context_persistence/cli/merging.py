"""`duplicates` and `merge`: find entities that are the same, and merge them."""

import click

from mcp_context_persistence.cli.exit_codes import InputError
from mcp_context_persistence.cli.help_pages import command
from mcp_context_persistence.cli.output import print_json, print_response, print_rows
from mcp_context_persistence.cli.session import Session, uses_store


@command()
@uses_store
@click.argument("entity", required=False)
@click.option("--type", "types", multiple=True, help="Only entities of this type; may be repeated.")
@click.option("--min-score", type=float, default=0.5, show_default=True, help="0.5 to 1.0.")
@click.option(
    "--limit", type=int, default=100, show_default=True, help="The maximum number of pairs."
)
def duplicates(
    session: Session, entity: str | None, types: tuple[str, ...], min_score: float, limit: int
) -> None:
    """Find entities that are probably the same: all, or those like ENTITY. Nothing is changed.

    As JSON, the response also has the evidence, and groups that can be merged.

    Examples:
      context-persistence duplicates --type organization
    """
    with session.open_client() as client:
        response = client.find_duplicate_entities(
            entity, list(types) or None, min_score=min_score, limit=limit
        )
    if session.as_json:
        print_json(response)
        return
    columns = {
        "score": lambda item: item.score,
        "band": lambda item: item.band,
        "keep": lambda item: item.keep_id,
        "duplicate": lambda item: item.duplicate_id,
    }
    print_rows(session, response.pairs, columns)
    if response.truncated:
        session.note("there are more than were returned")


@command()
@uses_store
@click.argument("keep", required=False)
@click.argument("same", metavar="DUPLICATE...", nargs=-1)
@click.option("--reason", metavar="TEXT", help="Why they are merged.")
@click.option("--by", metavar="NAME", help="Who merges them.")
@click.option("--undo", metavar="ID", help="Undo the merge with this id.")
def merge(
    session: Session,
    keep: str | None,
    same: tuple[str, ...],
    reason: str | None,
    by: str | None,
    undo: str | None,
) -> None:
    """Merge each DUPLICATE into the entity KEEP, or undo a merge.

    The command prints the id of the merge, with which it can be undone.

    Examples:
      context-persistence merge "ACME Corporation" Acme --reason "the same firm"
    """
    if (undo is None) == (keep is None) or (keep is not None and not same):
        raise InputError("give KEEP and at least one DUPLICATE, or --undo ID")
    with session.open_client() as client:
        if undo is not None:
            restored = {"restored": lambda item: item.restored_ids}
            print_response(session, client.undo_merge(undo), restored)
            return
        response = client.merge_entities(keep or "", list(same), reason=reason, merged_by=by)
    fields = {"merge": lambda item: item.merge_id, "kept": lambda item: item.kept_id}
    print_response(session, response, fields)
