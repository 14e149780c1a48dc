"""`context-persistence init`: download and verify everything that later calls need."""

import click

from mcp_context_persistence.cli.session import Session, uses_options
from mcp_context_persistence.runtime.progress_lines import ProgressLines


@click.command()
@uses_options("--store")
@click.argument("name", metavar="[STORE]", required=False)
def init(session: Session, name: str | None) -> None:
    """Download and verify the server and the models.

    After that, no call needs a network.

    STORE is a folder. With STORE or --store, the command also creates a store there and starts its
    server once.
    """
    folder = None
    if name is not None or session.store is not None:
        folder = session.find_folder(name, "name its folder, or no store to only download")
    from mcp_context_persistence.ingest.models import encoders, minilm, spacy_pipeline  # noqa: PLC0415 - slow to import
    from mcp_context_persistence.kg.local import jars, java, settings  # noqa: PLC0415 - slow to import

    progress = ProgressLines(click.echo)
    runtime = java.find()
    click.echo(f"Java {runtime.version}: {runtime.program}")
    server = jars.provision(progress)
    versions = f"Neo4j {settings.NEO4J_VERSION}, Graph Data Science {settings.GDS_VERSION}"
    size = sum(jar.size for jar in jars.locked()) / 1e6
    click.echo(f"{versions}: {len(jars.locked())} files, {size:,.0f} MB, verified: {server.home}")
    model = encoders.find(minilm.NAME, progress)
    click.echo(f"embedding model {minilm.NAME}@{encoders.fingerprint(model)[:8]}: {model}")
    pipeline = spacy_pipeline.load(spacy_pipeline.DEFAULT)
    click.echo(f"spaCy model {pipeline.name} {pipeline.nlp.meta['version']}")
    if folder is not None:
        with session.open_store(may_create=True):
            click.echo(f"store: {folder}")
    click.echo("From now on, no call needs a network.")
