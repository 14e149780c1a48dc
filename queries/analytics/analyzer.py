"""Run algorithms of Graph Data Science on the entities of a namespace and their relationships.

Each analysis creates its own projection as soon as there is memory for it, and always drops it at
the end.
"""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError, GraphError
from mcp_context_persistence.queries.analytics.admission import (
    Admission,
    Kind,
    LostProjectionError,
    ProjectionOptions,
)
from mcp_context_persistence.queries.analytics.algorithms import (
    ALGORITHMS,
    METRICS,
    NEEDS,
    SIMILAR_BYTES,
    Algorithm,
    Metric,
    Task,
    choose_threads,
    count_iterations,
    normalize_score,
)

log = logging.getLogger(__name__)

# For the shared neighbors of possible duplicates.
RELATED_SECONDS = 10.0  # at most
RELATED_PAIRS = 20_000
RELATED_PER_ENTITY = 50
# The ends of the error codes of a server without the library.
MISSING_LIBRARY_CODES = ("ProcedureNotFound", "Statement.SyntaxError")


@dataclass(frozen=True, kw_only=True)
class Projection:
    """A named graph in the server's memory.

    Attributes:
        name: In the library's catalog.
        task: What it is for.
        nodes: Number of entities.
        relationships: Number of relationships, as they are stored.
        undirected: Whether its relationships have no direction.
        threads: With which algorithms run on it.
        bytes: Reserved for it and the algorithm.
    """

    name: str
    task: Task
    nodes: int
    relationships: int
    undirected: bool
    threads: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class ScoredEntity:
    """An entity with its normalized score."""

    id: str
    name: str
    type: str
    score: float


class GraphAnalyzer:
    """Runs analyses on one open graph. Safe to share between threads."""

    def __init__(self, graph: Graph) -> None:
        """Analyze a graph.

        Args:
            graph: The database.
        """
        self._graph = graph
        self._admission = Admission(graph, self._run)
        # By task, the bytes per entity by which the library's estimate exceeded the reservation;
        # another version of the library may need more.
        self._excess: dict[Task, int] = {}

    def close(self) -> None:
        """Drop the projections of analyses that have not ended."""
        self._admission.close()

    @contextmanager
    def project(
        self,
        namespace: str,
        *,
        undirected: bool,
        task: Task,
        weighted: bool = False,
        costs: bool = False,
        similar_per_entity: int = 0,
    ) -> Iterator[Projection | None]:
        """Project a namespace for the time of the block, as soon as there is memory for it.

        Args:
            namespace: Name of the namespace.
            undirected: Whether relationships count in both directions.
            task: What the projection is for; `block` for the user's own algorithms.
            weighted: Whether relationships have a weight.
            costs: Whether their weight is -ln of the confidence instead of the confidence.
            similar_per_entity: Similar entities that are kept of each entity.

        Yields:
            The projection; None where there are no entities.

        Raises:
            GraphError: The server has no Graph Data Science, or not enough memory.
        """
        kind: Kind = "block" if task == "block" else "call"
        options = ProjectionOptions(
            undirected=undirected,
            weighted=weighted,
            costs=costs,
            loops=task == "eigenvector" and not weighted,
        )
        need = NEEDS[task].add_per_entity(
            SIMILAR_BYTES * similar_per_entity + self._excess.get(task, 0)
        )
        with self._admission.admit(namespace, need, kind=kind, options=options) as admitted:
            yield (
                Projection(
                    name=admitted.name,
                    task=task,
                    nodes=admitted.nodes,
                    relationships=admitted.relationships,
                    undirected=undirected,
                    threads=choose_threads(admitted.nodes, admitted.relationships),
                    bytes=admitted.bytes,
                )
                if admitted.nodes
                else None
            )

    def summarize(self, projection: Projection) -> Row:
        """Return components, clustering and degrees of an undirected projection."""
        batch = {"name": projection.name, "concurrency": projection.threads}
        return self._run(
            Statement(name="analytics/summary", parameters={"batch": batch}, read=as_is)
        )[0]

    def rank_entities(
        self, projection: Projection, metric: Metric, *, limit: int, weighted: bool
    ) -> list[ScoredEntity]:
        """Return the entities with the highest normalized scores, highest first."""
        name, settings = METRICS[metric]
        config = _build_config(projection, settings, weighted=weighted)
        if metric == "degree" and not projection.undirected:
            config["orientation"] = "NATURAL"
        if metric == "eigenvector" and not weighted:
            config["maxIterations"] = count_iterations(projection.relationships)
        batch = {
            "name": projection.name,
            "config": config,
            "max_bytes": projection.bytes,
            "limit": limit,
        }
        rows = self._run(Statement(name=name, parameters={"batch": batch}, read=as_is))
        self._check_estimate(rows[0]["bytes"], projection)
        rows.sort(key=lambda row: (-round(row["score"] or 0.0, 9), row["id"] or ""))
        return [
            ScoredEntity(
                id=row["id"],
                name=row["name"] or row["id"],
                type=row["type"] or "concept",
                score=normalize_score(
                    metric,
                    row["score"],
                    total=row["total"],
                    nodes=projection.nodes,
                    undirected=projection.undirected,
                ),
            )
            for row in rows
            if row["id"] is not None
        ]

    def find_communities(
        self, projection: Projection, algorithm: Algorithm, *, min_size: int, weighted: bool
    ) -> list[Row]:
        """Return the communities, largest first.

        The members with the most relationships inside the community come first.
        """
        name, settings = ALGORITHMS[algorithm]
        config = {
            **_build_config(projection, settings, weighted=weighted),
            "mutateProperty": "community",
        }
        batch = {"name": projection.name, "config": config, "max_bytes": projection.bytes}
        row = self._run(Statement(name=name, parameters={"batch": batch}, read=as_is))[0]
        self._check_estimate(row["bytes"], projection)
        batch = {
            "name": projection.name,
            "max_members": limits.COMMUNITY_ENTITIES,
            "min_size": min_size,
            "limit": limits.COMMUNITIES + 1,
        }
        return self._run(
            Statement(name="analytics/communities", parameters={"batch": batch}, read=as_is)
        )

    def find_similar(
        self,
        projection: Projection,
        namespace: str,
        *,
        entity_id: str | None,
        limit: int,
        min_similarity: float,
        min_neighbors: int = 1,
        per_entity: int | None = None,
    ) -> list[Row]:
        """Return pairs of entities with shared neighbors, most similar first.

        Args:
            projection: The graph.
            namespace: Name of the namespace.
            entity_id: The first entity of all pairs; None for any.
            limit: Number of pairs.
            min_similarity: Smallest similarity of a pair, 0 to 1.
            min_neighbors: Neighbors that an entity must have to be compared.
            per_entity: Similar entities of each entity; None for `limit`.
        """
        batch = {
            "namespace": namespace,
            "entity_id": entity_id,
            "name": projection.name,
            "concurrency": projection.threads,
            "min_similarity": min_similarity,
            "min_neighbors": min_neighbors,
            "per_entity": limit if per_entity is None else per_entity,
            "max_bytes": projection.bytes,
            "limit": limit,
        }
        rows = self._run(
            Statement(name="analytics/similar", parameters={"batch": batch}, read=as_is)
        )
        if rows:
            self._check_estimate(rows[0]["bytes"], projection)
        return [row for row in rows if row["id"] is not None]

    def find_related_pairs(
        self, namespace: str, *, min_similarity: float, min_neighbors: int
    ) -> list[tuple[str, str]] | None:
        """Return the ids of pairs of entities with shared neighbors.

        Args:
            namespace: Name of the namespace.
            min_similarity: Smallest similarity of a pair, 0 to 1.
            min_neighbors: Neighbors that an entity must have to be compared.

        Returns:
            The pairs. None if the server has no library or no memory for this, or takes too long.
        """
        try:
            with (
                self._graph.call(RELATED_SECONDS),
                self.project(
                    namespace,
                    undirected=True,
                    task="similar",
                    similar_per_entity=RELATED_PER_ENTITY,
                ) as projection,
            ):
                if projection is None:
                    return []
                rows = self.find_similar(
                    projection,
                    namespace,
                    entity_id=None,
                    limit=RELATED_PAIRS,
                    min_similarity=min_similarity,
                    min_neighbors=min_neighbors,
                    per_entity=RELATED_PER_ENTITY,
                )
        except (GraphError, DatabaseError) as error:
            log.info("Graph Data Science finds no shared neighbors: %s", error)
            return None
        return [(row["id"], row["other_id"]) for row in rows]

    def find_paths(
        self,
        projection: Projection,
        namespace: str,
        *,
        source: str,
        target: str,
        count: int,
        weighted: bool,
    ) -> list[Row]:
        """Return the cheapest paths between two entities, cheapest first."""
        config = {
            "k": count,
            "concurrency": projection.threads,
            "relationshipWeightProperty": "weight" if weighted else None,
        }
        batch = {
            "namespace": namespace,
            "source": source,
            "target": target,
            "name": projection.name,
            "config": config,
            "undirected": projection.undirected,
        }
        return self._run(Statement(name="analytics/paths", parameters={"batch": batch}, read=as_is))

    def _check_estimate(self, needed: int, projection: Projection) -> None:
        """Compare the library's estimate for an algorithm with the reservation.

        Raises:
            LostProjectionError: It needs more, so it was not run. The next projection reserves as
                much.
        """
        if needed > projection.bytes:
            excess = math.ceil((needed - projection.bytes) / projection.nodes)
            self._excess[projection.task] = self._excess.get(projection.task, 0) + excess
            raise LostProjectionError(
                "the analysis needs more memory than was reserved for it; "
                "call again, the next call reserves more",
                retryable=True,
            )

    def _run(self, statement: Statement[Row]) -> list[Row]:
        """Run a statement of an analysis; none of them changes the stored graph.

        Raises:
            GraphError: It failed, or the server has no Graph Data Science.
        """
        try:
            return self._graph.run(statement)
        except DatabaseError as error:
            code = getattr(error.__cause__, "code", None) or ""
            if code.endswith(MISSING_LIBRARY_CODES):
                raise GraphError(
                    "the server has no Graph Data Science library; put its jar into the server's "
                    "plugins folder and allow gds.* in dbms.security.procedures.unrestricted, or "
                    "use a local store, which includes it"
                ) from error
            raise GraphError(
                str(error), retryable=error.retryable, outcome="not_applied"
            ) from error


def _build_config(
    projection: Projection, settings: Mapping[str, Any], *, weighted: bool
) -> dict[str, Any]:
    """Return the configuration of an algorithm on a projection."""
    weight = {"relationshipWeightProperty": "weight"} if weighted else {}
    return {"concurrency": projection.threads, "logProgress": False, **settings, **weight}
