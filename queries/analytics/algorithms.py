"""Algorithms of Graph Data Science on the entities of a namespace and their relationships.

Each question makes a projection of its own, as soon as there is memory for it, asks it, and drops it again, whatever happens.
"""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.errors import DatabaseError, GraphError
from mcp_context_persistence.queries.analytics.admission import Admission, Kind, Need, Options

log = logging.getLogger(__name__)

Metric = Literal[
    "pagerank", "article_rank", "betweenness", "closeness", "harmonic", "eigenvector", "degree"
]
Algorithm = Literal["leiden", "louvain", "label_propagation", "wcc", "k_core"]
Task = Metric | Algorithm | Literal["summary", "similar", "paths", "block"]

SEED = 42
THREADS = 4  # the open library allows no more
# Entities and relationships up to which one thread is as quick as four, which first have to find together.
SMALL_GRAPH = 20_000
RELATED_SECONDS = 10.0  # that a search for duplicates waits for shared neighbours
RELATED_PAIRS = 20_000
RELATED_TOP = 50  # of one entity
MISSING = ("ProcedureNotFound", "Statement.SyntaxError")  # what a server without the library says

CONVERGING = {"maxIterations": 300, "tolerance": 1e-10}
# For each the statement, and the configuration of its algorithm.
METRICS: Mapping[Metric, tuple[str, Mapping[str, Any]]] = {
    "pagerank": ("analytics/pagerank", CONVERGING),
    "article_rank": ("analytics/article_rank", CONVERGING),
    "betweenness": ("analytics/betweenness", {}),
    "closeness": ("analytics/closeness", {"useWassermanFaust": True}),
    "harmonic": ("analytics/harmonic", {}),
    "eigenvector": ("analytics/eigenvector", {**CONVERGING, "maxIterations": 1000}),
    "degree": ("analytics/degree", {}),
}
WEIGHED_METRICS = frozenset({"pagerank", "article_rank", "eigenvector", "degree"})
# One thread and a seed: the same graph always has the same communities.
ALGORITHMS: Mapping[Algorithm, tuple[str, Mapping[str, Any]]] = {
    "leiden": ("analytics/leiden", {"concurrency": 1, "randomSeed": SEED}),
    "louvain": ("analytics/louvain", {"concurrency": 1}),
    "label_propagation": ("analytics/label_propagation", {"concurrency": 1}),
    "wcc": ("analytics/wcc", {}),
    "k_core": ("analytics/k_core", {}),
}
WEIGHED_ALGORITHMS = frozenset({"leiden", "louvain", "label_propagation"})

# Bytes that each algorithm may take with four threads, a fifth more than the library's estimates (GDS 2.26) from 10,000
# entities on; what smaller graphs need lies within the fixed part of each reservation.
SIMILAR_BYTES = 20  # for each similar entity that is kept of one
NEEDS: Mapping[Task, Need] = {
    "pagerank": Need(per_entity=32),
    "article_rank": Need(per_entity=32),
    "eigenvector": Need(per_entity=32),
    "betweenness": Need(per_entity=280, per_relationship=80),
    "closeness": Need(per_entity=140),
    "harmonic": Need(per_entity=130),
    "degree": Need(per_entity=16),
    "leiden": Need(per_entity=340, per_relationship=50),
    "louvain": Need(per_entity=230, per_relationship=50),
    "label_propagation": Need(per_entity=64),
    "wcc": Need(per_entity=16),
    "k_core": Need(per_entity=64),
    "summary": Need(per_entity=32),
    "similar": Need(per_entity=240, per_relationship=50),
    "paths": Need(per_entity=280),
    "block": Need(per_entity=340, per_relationship=80),
}


@dataclass(frozen=True, kw_only=True)
class Projection:
    """A named graph in the server's memory.

    Attributes:
        name: In the library's catalogue.
        task: What it is for.
        nodes: Entities.
        relationships: As they are stored.
        undirected: Whether its relationships have no direction.
        threads: With which algorithms run on it.
        bytes: That are reserved for it and the algorithm.
    """

    name: str
    task: Task
    nodes: int
    relationships: int
    undirected: bool
    threads: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Scored:
    """An entity with its normalised score."""

    id: str
    name: str
    type: str
    score: float


class Analytics:
    """The questions, on one open graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._admission = Admission(graph, self._run)
        # Bytes of an entity by which an estimate exceeded what was reserved, as that of another version of the library may.
        self._excess: dict[Task, int] = {}

    @contextmanager
    def projection(
        self,
        namespace: str,
        *,
        undirected: bool,
        task: Task,
        weighted: bool = False,
        costs: bool = False,
        top: int = 0,
    ) -> Iterator[Projection | None]:
        """Project a namespace for the time of the block, as soon as there is memory for it.

        Args:
            namespace: What is projected.
            undirected: Whether relationships count in both directions.
            task: What the projection is for; `block` for the user's own questions.
            weighted: Whether relationships have a weight.
            costs: Whether their weight is -ln of the confidence instead of the confidence.
            top: Similar entities that are kept of each one.

        Yields:
            The projection; None where there are no entities.

        Raises:
            GraphError: The server has no Graph Data Science, or not enough memory.
        """
        kind: Kind = "block" if task == "block" else "call"
        options = Options(undirected=undirected, weighted=weighted, costs=costs)
        need = NEEDS[task]
        if top:
            need = need.plus(SIMILAR_BYTES * top)
        need = need.plus(self._excess.get(task, 0))
        with self._admission.admit(namespace, need, kind=kind, options=options) as admitted:
            yield (
                Projection(
                    name=admitted.name,
                    task=task,
                    nodes=admitted.nodes,
                    relationships=admitted.relationships,
                    undirected=undirected,
                    threads=threads(admitted.nodes, admitted.relationships),
                    bytes=admitted.bytes,
                )
                if admitted.nodes
                else None
            )

    def summary(self, projection: Projection) -> Row:
        """Components, clustering and degrees of an undirected projection."""
        batch = {"name": projection.name, "concurrency": projection.threads}
        return self._one(
            Statement(name="analytics/summary", parameters={"batch": batch}, read=as_is)
        )

    def central(
        self, projection: Projection, metric: Metric, *, limit: int, weighted: bool
    ) -> list[Scored]:
        """The entities with the greatest scores, greatest first; scores are normalised as `normal` says."""
        name, base = METRICS[metric]
        config = _configuration(projection, base, weighted=weighted)
        if metric == "degree" and not projection.undirected:
            config["orientation"] = "NATURAL"
        batch = {
            "name": projection.name,
            "config": config,
            "most_bytes": projection.bytes,
            "limit": limit,
        }
        rows = self._run(Statement(name=name, parameters={"batch": batch}, read=as_is))
        self._check(rows[0]["bytes"], projection)
        return [
            Scored(
                id=row["id"],
                name=row["name"] or row["id"],
                type=row["type"] or "concept",
                score=normal(
                    metric,
                    row["score"],
                    total=row["total"],
                    nodes=projection.nodes,
                    undirected=projection.undirected,
                ),
            )
            for row in sorted(
                rows, key=lambda row: (-round(row["score"] or 0.0, 9), row["id"] or "")
            )
            if row["id"] is not None
        ]

    def communities(
        self, projection: Projection, algorithm: Algorithm, *, min_size: int, weighted: bool
    ) -> list[Row]:
        """Communities, largest first, with those entities first that have the most relationships inside."""
        name, base = ALGORITHMS[algorithm]
        config = {
            **_configuration(projection, base, weighted=weighted),
            "mutateProperty": "community",
        }
        batch = {"name": projection.name, "config": config, "most_bytes": projection.bytes}
        row = self._one(Statement(name=name, parameters={"batch": batch}, read=as_is))
        self._check(row["bytes"], projection)
        asked = {
            "name": projection.name,
            "members": limits.COMMUNITY_ENTITIES,
            "min_size": min_size,
            "limit": limits.COMMUNITIES + 1,
        }
        return self._run(
            Statement(name="analytics/communities", parameters={"batch": asked}, read=as_is)
        )

    def similar(
        self,
        projection: Projection,
        namespace: str,
        *,
        entity_id: str | None,
        limit: int,
        cutoff: float,
        least: int = 1,
        top: int | None = None,
    ) -> list[Row]:
        """Pairs of entities with the same neighbours, most similar first; of entities with `least` neighbours, and each one's `top` best."""
        batch = {
            "namespace": namespace,
            "entity_id": entity_id,
            "name": projection.name,
            "concurrency": projection.threads,
            "cutoff": cutoff,
            "least": least,
            "top": limit if top is None else top,
            "most_bytes": projection.bytes,
            "limit": limit,
        }
        rows = self._run(
            Statement(name="analytics/similar", parameters={"batch": batch}, read=as_is)
        )
        if rows:
            self._check(rows[0]["bytes"], projection)
        return [row for row in rows if row["id"] is not None]

    def related(self, namespace: str, *, cutoff: float, least: int) -> list[tuple[str, str]] | None:
        """Ids of entities with the same neighbours, whose overlap is `cutoff` at least; None where the server cannot tell.

        It cannot without the library, without memory for it, or when it takes too long.
        """
        try:
            with (
                self._graph.call(RELATED_SECONDS),
                self.projection(
                    namespace, undirected=True, task="similar", top=RELATED_TOP
                ) as projection,
            ):
                if projection is None:
                    return []
                found = self.similar(
                    projection,
                    namespace,
                    entity_id=None,
                    limit=RELATED_PAIRS,
                    cutoff=cutoff,
                    least=least,
                    top=RELATED_TOP,
                )
        except (GraphError, DatabaseError) as error:
            log.info("shared neighbours are not looked for by Graph Data Science: %s", error)
            return None
        return [(row["id"], row["other_id"]) for row in found]

    def paths(
        self,
        projection: Projection,
        namespace: str,
        *,
        source: str,
        target: str,
        count: int,
        weighted: bool,
    ) -> list[Row]:
        """The cheapest paths between two entities, cheapest first."""
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

    def _check(self, needed: int, projection: Projection) -> None:
        """Refuse an algorithm for which the library says that it needs more than was reserved, and reserve as much the next time."""
        if needed > projection.bytes:
            excess = math.ceil((needed - projection.bytes) / projection.nodes)
            self._excess[projection.task] = self._excess.get(projection.task, 0) + excess
            raise GraphError(
                "the analysis needs more memory than was reserved for it; call again, more is reserved then",
                retryable=True,
            )

    def _one(self, statement: Statement[Row]) -> Row:
        return self._run(statement)[0]

    def _run(self, statement: Statement[Row]) -> list[Row]:
        """Run a statement of an analysis, none of which changes the graph.

        Raises:
            GraphError: It failed, or the server has no Graph Data Science.
        """
        try:
            return self._graph.run(statement)
        except DatabaseError as error:
            code = getattr(error.__cause__, "code", None) or ""
            if code.endswith(MISSING):
                raise GraphError(
                    "the server has no Graph Data Science library; put its jar into the server's plugins folder and allow gds.* in "
                    "dbms.security.procedures.unrestricted, or use a local store, which brings it along"
                ) from error
            raise GraphError(
                str(error), retryable=error.retryable, outcome="not_applied"
            ) from error


def threads(nodes: int, relationships: int) -> int:
    """Return the number of threads with which algorithms run on a graph of this size."""
    return 1 if nodes + relationships <= SMALL_GRAPH else THREADS


def _configuration(
    projection: Projection, base: Mapping[str, Any], *, weighted: bool
) -> dict[str, Any]:
    """Return the configuration of an algorithm on a projection."""
    weight = {"relationshipWeightProperty": "weight"} if weighted else {}
    return {"concurrency": projection.threads, "logProgress": False, **base, **weight}


def normal(metric: Metric, score: float, *, total: float, nodes: int, undirected: bool) -> float:
    """A score on the scale that is documented.

    `pagerank` and `article_rank` are shares of all scores, `betweenness` is a share of the pairs of other entities, `degree` of the
    other entities; `closeness`, `harmonic` and `eigenvector` (of length one) are normalised by the library.
    """
    if metric in {"pagerank", "article_rank"}:
        return score / total if total else 0.0
    if metric == "betweenness":
        pairs = (nodes - 1) * (nodes - 2) / (2 if undirected else 1)
        return score / pairs if pairs else 0.0
    if metric == "degree":
        return score / (nodes - 1) if nodes > 1 else 0.0
    return score
