"""Algorithms of Graph Data Science on the entities of a namespace and their relationships.

Each question makes a projection of its own name, asks it, and drops it again, whatever happens. The name tells until when it may be in
use; the projections of clients that died are dropped by the next one that passes.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from kg import limits
from kg.driver import Graph
from kg.errors import DatabaseError, GraphError
from kg.statement import Row, Statement, as_is

log = logging.getLogger(f"mcp_context_persistence.{__name__}")

Metric = Literal["pagerank", "article_rank", "betweenness", "closeness", "harmonic", "eigenvector", "degree"]
Algorithm = Literal["leiden", "louvain", "label_propagation", "wcc", "k_core"]

SEED = 42
THREADS = 4  # the open library allows no more
HEAP_SHARE = 0.5  # of the server's heap that one projection, or one algorithm, may take
DROP_SECONDS = 10.0
RELATED_SECONDS = 10.0  # that a search for duplicates waits for shared neighbours
RELATED_PAIRS = 20_000
RELATED_TOP = 50  # of one entity
NO_LIMIT = 2**62
MISSING = ("ProcedureNotFound", "Statement.SyntaxError")  # what a server without the library says

CONVERGING = {"concurrency": THREADS, "maxIterations": 300, "tolerance": 1e-10}
# For each the statement, and the configuration of its algorithm.
METRICS: Mapping[Metric, tuple[str, Mapping[str, Any]]] = {
    "pagerank": ("analytics/pagerank", CONVERGING),
    "article_rank": ("analytics/article_rank", CONVERGING),
    "betweenness": ("analytics/betweenness", {"concurrency": THREADS}),
    "closeness": ("analytics/closeness", {"concurrency": THREADS, "useWassermanFaust": True}),
    "harmonic": ("analytics/harmonic", {"concurrency": THREADS}),
    "eigenvector": ("analytics/eigenvector", {**CONVERGING, "maxIterations": 1000}),
    "degree": ("analytics/degree", {"concurrency": THREADS}),
}
WEIGHED_METRICS = frozenset({"pagerank", "article_rank", "eigenvector", "degree"})
# One thread and a seed: the same graph always has the same communities.
ALGORITHMS: Mapping[Algorithm, tuple[str, Mapping[str, Any]]] = {
    "leiden": ("analytics/leiden", {"concurrency": 1, "randomSeed": SEED}),
    "louvain": ("analytics/louvain", {"concurrency": 1}),
    "label_propagation": ("analytics/label_propagation", {"concurrency": 1}),
    "wcc": ("analytics/wcc", {"concurrency": THREADS}),
    "k_core": ("analytics/k_core", {"concurrency": THREADS}),
}
WEIGHED_ALGORITHMS = frozenset({"leiden", "louvain", "label_propagation"})


@dataclass(frozen=True, kw_only=True)
class Projection:
    """A named graph in the server's memory.

    Attributes:
        name: In the library's catalogue.
        nodes: Entities.
        relationships: As they are stored.
        undirected: Whether its relationships have no direction.
        most_bytes: What an algorithm on it may take.
    """

    name: str
    nodes: int
    relationships: int
    undirected: bool
    most_bytes: int


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
        self._most_bytes: int | None = None

    @contextmanager
    def projection(self, namespace: str, *, undirected: bool, costs: bool = False) -> Iterator[Projection | None]:
        """A projection of a namespace, which lives as long as the block; None where there are no entities.

        Args:
            namespace: What is projected.
            undirected: Whether relationships count in both directions.
            costs: Whether their weight is -ln of the confidence instead of the confidence.

        Raises:
            GraphError: The server has no Graph Data Science, or not enough memory.
        """
        until = int((time.time() + limits.ANALYTICS_SECONDS) * 1000)
        name = f"context-{until}-{uuid.uuid4().hex}"
        most = self._memory()
        size = self._one(Statement(name="analytics/size", parameters={"batch": {"namespace": namespace}}, read=as_is))
        _refuse(size["bytes"], most)
        batch = {
            "namespace": namespace,
            "name": name,
            "undirected": undirected,
            "types": ["*"] if undirected else [],
            "costs": costs,
        }
        try:
            made = self._run(Statement(name="analytics/project", parameters={"batch": batch}, read=as_is, writes=True))
            yield (
                Projection(
                    name=name,
                    nodes=made[0]["nodes"],
                    relationships=size["relationships"],
                    undirected=undirected,
                    most_bytes=most,
                )
                if made
                else None
            )
        finally:
            self._drop(name)

    def summary(self, projection: Projection) -> Row:
        """Components, clustering and degrees of an undirected projection."""
        batch = {"name": projection.name, "concurrency": THREADS}
        return self._one(Statement(name="analytics/summary", parameters={"batch": batch}, read=as_is))

    def central(self, projection: Projection, metric: Metric, *, limit: int, weighted: bool) -> list[Scored]:
        """The entities with the greatest scores, greatest first; scores are normalised as `normal` says."""
        name, base = METRICS[metric]
        config = {**base, **({"relationshipWeightProperty": "weight"} if weighted else {})}
        if metric == "degree" and not projection.undirected:
            config["orientation"] = "NATURAL"
        batch = {"name": projection.name, "config": config, "most_bytes": projection.most_bytes, "limit": limit}
        rows = self._run(Statement(name=name, parameters={"batch": batch}, read=as_is))
        _refuse(rows[0]["bytes"], projection.most_bytes)
        return [
            Scored(
                id=row["id"],
                name=row["name"] or row["id"],
                type=row["type"] or "concept",
                score=normal(metric, row["score"], total=row["total"], nodes=projection.nodes, undirected=projection.undirected),
            )
            for row in sorted(rows, key=lambda row: (-round(row["score"] or 0.0, 9), row["id"] or ""))
            if row["id"] is not None
        ]

    def communities(self, projection: Projection, algorithm: Algorithm, *, min_size: int, weighted: bool) -> list[Row]:
        """Communities, largest first, with those entities first that have the most relationships inside."""
        name, base = ALGORITHMS[algorithm]
        config = {**base, **({"relationshipWeightProperty": "weight"} if weighted else {}), "mutateProperty": "community"}
        batch = {"name": projection.name, "config": config, "most_bytes": projection.most_bytes}
        row = self._one(Statement(name=name, parameters={"batch": batch}, read=as_is))
        _refuse(row["bytes"], projection.most_bytes)
        asked = {
            "name": projection.name,
            "members": limits.COMMUNITY_ENTITIES,
            "min_size": min_size,
            "limit": limits.COMMUNITIES + 1,
        }
        return self._run(Statement(name="analytics/communities", parameters={"batch": asked}, read=as_is))

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
            "concurrency": THREADS,
            "cutoff": cutoff,
            "least": least,
            "top": limit if top is None else top,
            "most_bytes": projection.most_bytes,
            "limit": limit,
        }
        rows = self._run(Statement(name="analytics/similar", parameters={"batch": batch}, read=as_is))
        if rows:
            _refuse(rows[0]["bytes"], projection.most_bytes)
        return [row for row in rows if row["id"] is not None]

    def related(self, namespace: str, *, cutoff: float, least: int) -> list[tuple[str, str]] | None:
        """Ids of entities with the same neighbours, whose overlap is `cutoff` at least; None where the server cannot tell.

        It cannot without the library, without memory for it, or when it takes too long.
        """
        try:
            with self._graph.call(RELATED_SECONDS), self.projection(namespace, undirected=True) as projection:
                if projection is None:
                    return []
                found = self.similar(
                    projection, namespace, entity_id=None, limit=RELATED_PAIRS, cutoff=cutoff, least=least, top=RELATED_TOP
                )
        except (GraphError, DatabaseError) as error:
            log.info("shared neighbours are not looked for by Graph Data Science: %s", error)
            return None
        return [(row["id"], row["other_id"]) for row in found]

    def paths(self, projection: Projection, namespace: str, *, source: str, target: str, count: int, weighted: bool) -> list[Row]:
        """The cheapest paths between two entities, cheapest first."""
        config = {"k": count, "concurrency": THREADS, "relationshipWeightProperty": "weight" if weighted else None}
        batch = {
            "namespace": namespace,
            "source": source,
            "target": target,
            "name": projection.name,
            "config": config,
            "undirected": projection.undirected,
        }
        return self._run(Statement(name="analytics/paths", parameters={"batch": batch}, read=as_is))

    def _memory(self) -> int:
        """What one projection or algorithm may take; a server that does not tell its heap has no limit but its own."""
        if self._most_bytes is None:
            try:
                self._most_bytes = int(HEAP_SHARE * self._graph.run(Statement(name="analytics/heap", read=as_is))[0]["bytes"])
            except DatabaseError as error:
                if error.retryable:
                    raise
                self._most_bytes = NO_LIMIT
        return self._most_bytes

    def _drop(self, name: str) -> None:
        batch = {"name": name, "now": int(time.time() * 1000)}
        statement = Statement(name="analytics/drop", parameters={"batch": batch}, read=as_is, writes=True)
        self._graph.run(statement, deadline=DROP_SECONDS)

    def _one(self, statement: Statement[Row]) -> Row:
        return self._run(statement)[0]

    def _run(self, statement: Statement[Row]) -> list[Row]:
        try:
            return self._graph.run(statement)
        except DatabaseError as error:
            code = getattr(error.__cause__, "code", None) or ""
            if code.endswith(MISSING):
                raise GraphError(
                    "the server has no Graph Data Science library; put its jar into the server's plugins folder and allow gds.* in "
                    "dbms.security.procedures.unrestricted, or use a local store, which brings it along"
                ) from error
            raise


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


def _refuse(needed: int, most: int) -> None:
    if needed > most:
        raise GraphError(
            f"the server's heap is too small: {needed // 2**20:,} MiB are needed, {most // 2**20:,} MiB may be taken; give it a larger heap"
        )
