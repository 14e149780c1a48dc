"""`context-persistence init`: download and verify everything that later calls need."""

from pathlib import Path

import click

from mcp_context_persistence.runtime.progress_lines import ProgressLines


@click.command()
@click.argument("store", required=False, type=click.Path(file_okay=False, path_type=Path))
def init(store: Path | None) -> None:
    """Download and verify the server and the models.

    After that, no call needs a network.

    STORE is a folder. With STORE, the command also creates a store there and starts its server
    once.
    """
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
    if store is not None:
        _create_store(store, progress)
    click.echo("From now on, no call needs a network.")


def _create_store(store: Path, progress: ProgressLines) -> None:
    from mcp_context_persistence.client import ContextPersistenceClient  # noqa: PLC0415 - slow to import

    with ContextPersistenceClient(f"local:{store}", progress=progress):
        click.echo(f"store: {store.absolute()}")
