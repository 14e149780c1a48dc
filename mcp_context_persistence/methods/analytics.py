"""Methods that analyze the graph of entities with the algorithms of Graph Data Science."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import GraphError
from mcp_context_persistence.models import GraphPath
from mcp_context_persistence.responses.analytics import (
    CentralEntity,
    Communities,
    GraphAnalytics,
    SimilarEntity,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import analytics

if TYPE_CHECKING:
    from graphdatascience import GraphDataScience


class AnalyticsCalls:
    """Analyzes the graph of entities: its shape, central entities, communities, similarity, paths.

    The analyzed graph has the entities of the namespace and the relationships between them. If
    there are several relationships between two entities, they count as one relationship with the
    highest of their confidences. A relationship of an entity to itself does not count. Only
    `total_edges` counts all stored relationships. The same graph always gives the same result.

    These methods need a server with Graph Data Science and with enough memory for the graph.
    Without them, they raise `GraphError`. All other methods work without Graph Data Science.
    """

    _engine: Engine

    @public_call(GraphError)
    def get_graph_analytics(self) -> GraphAnalytics:
        """Measure the graph: its size, density, degrees, connected components and clustering.

        Raises:
            GraphError: The analysis failed.
        """
        return self._engine.cache.get_or_compute(
            GraphAnalytics, lambda: analytics.summarize_graph(self._engine)
        )

    @contextmanager
    def graph_data_science(
        self, *, directed: bool = False, costs: bool = False
    ) -> "Iterator[tuple[GraphDataScience, Any]]":
        """Open the Python client of Graph Data Science with a projection of the namespace.

        Use it for algorithms that have no method here:

            with client.graph_data_science() as (gds, graph):
                print(gds.k1_coloring.stats(graph))

        The relationships of the projected graph have the property `weight`. The projected graph is
        dropped at the end of the block. Calls inside the block have no deadline.

        Args:
            directed: Whether relationships keep their direction.
            costs: Whether `weight` is -ln(confidence) instead of the confidence.

        Yields:
            A `graphdatascience.GraphDataScience` and its graph object.

        Raises:
            GraphError: The server has no Graph Data Science or not enough memory for the graph, the
                namespace has no entities, or the package `graphdatascience` is missing.
            ValidationError: An argument is not valid.
        """
        with analytics.open_gds_client(
            self._engine,
            directed=validation.check_flag("directed", directed),
            costs=validation.check_flag("costs", costs),
        ) as client_and_graph:
            yield client_and_graph

    @public_call(GraphError)
    def find_central_entities(
        self,
        metric: str = "pagerank",
        top_k: int = 10,
        *,
        directed: bool = False,
        weighted: bool = False,
    ) -> list[CentralEntity]:
        """Find the most central entities.

        Args:
            metric: How centrality is measured and normalized:
                `pagerank`, `article_rank`: shares that sum up to 1 over all entities;
                `betweenness`: the share of the pairs of other entities whose shortest paths pass
                through the entity;
                `closeness`: by Wasserman and Faust's formula for graphs of several components;
                `harmonic`: the mean of the inverse distances to all other entities;
                `eigenvector`: an entry of the eigenvector of length 1, after at most 1,000
                iterations, on large graphs fewer; if `weighted`, the confidences are divided by
                their sum for each entity;
                `degree`: the number of neighbors divided by the number of other entities.
                Longer names such as `betweenness_centrality` are accepted too.
            top_k: The maximum number of entities to return, 1 to 10,000.
            directed: Whether relationships count only in their direction.
            weighted: Whether relationships count by their confidence, and those of confidence 0 not
                at all; available for `pagerank`, `article_rank`, `eigenvector` and `degree`.

        Returns:
            The most central entity first. Entities with equal scores are ordered by their ids.

        Raises:
            GraphError: The analysis failed.
            ValidationError: An argument is not valid.
        """
        return analytics.find_central_entities(
            self._engine,
            metric,
            top_k,
            directed=validation.check_flag("directed", directed),
            weighted=validation.check_flag("weighted", weighted),
        )

    @public_call(GraphError)
    def detect_communities(
        self, algorithm: str = "leiden", *, min_size: int = 2, weighted: bool = False
    ) -> Communities:
        """Find communities: groups of entities with many relationships among each other.

        Args:
            algorithm: `leiden` or `louvain` (both maximize modularity), `label_propagation`, `wcc`
                (connected components), or `k_core` (entities by their core number).
            min_size: The minimum number of entities in a community, 1 or more.
            weighted: Whether relationships count by their confidence; available for `leiden`,
                `louvain` and `label_propagation`.

        Returns:
            A list of at most 500 communities, the largest first. The attribute `truncated` of the
            list says whether there are more.

        Raises:
            GraphError: The analysis failed.
            ValidationError: An argument is not valid.
        """
        return analytics.detect_communities(
            self._engine,
            algorithm,
            min_size=min_size,
            weighted=validation.check_flag("weighted", weighted),
        )

    @public_call(GraphError)
    def find_similar_entities(
        self, entity_id: str | None = None, top_k: int = 10, *, min_similarity: float = 0.0
    ) -> list[SimilarEntity]:
        """Find pairs of entities that share neighbors.

        Args:
            entity_id: The id, exact name or alias of an entity, to get only the pairs with this
                entity. None compares all entities with each other.
            top_k: The maximum number of pairs to return, 1 to 1,000.
            min_similarity: The smallest similarity (Jaccard index of the two sets of neighbors),
                0.0 to 1.0.

        Returns:
            The most similar pair first. Pairs without a shared neighbor are not returned.

        Raises:
            NotFoundError: The entity does not exist.
            GraphError: The analysis failed.
            ValidationError: An argument is not valid.
        """
        return analytics.find_similar_entities(
            self._engine, entity_id, top_k, min_similarity=min_similarity
        )

    @public_call(GraphError)
    def find_shortest_paths(
        self,
        source_entity_id: str,
        target_entity_id: str,
        k: int = 3,
        *,
        directed: bool = False,
        weighted: bool = True,
    ) -> list[GraphPath]:
        """Find the shortest paths between two entities, by Yen's algorithm.

        No path visits an entity twice.

        Args:
            source_entity_id: Id, exact name or alias of the first entity.
            target_entity_id: Id, exact name or alias of the last entity.
            k: The maximum number of paths to return, 1 to 50.
            directed: Whether relationships are followed only in their direction.
            weighted: True: the best path has the greatest product of confidences. False: the best
                path has the fewest relationships.

        Returns:
            The best path first. The list is empty when no path exists, or when both ids are the
            same entity.

        Raises:
            NotFoundError: An entity does not exist.
            GraphError: The analysis failed.
            ValidationError: An argument is not valid.
        """
        return analytics.find_shortest_paths(
            self._engine,
            source_entity_id,
            target_entity_id,
            k,
            directed=validation.check_flag("directed", directed),
            weighted=validation.check_flag("weighted", weighted),
        )
