"""The calls that analyse the graph of entities with the algorithms of Graph Data Science."""

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
    """The graph of entities as a whole: its shape, what is central, what belongs together, what is alike, how one gets across.

    All of these see the entities of the namespace and the relationships between them; several relationships between the same two entities
    count once, with the greatest of their confidences, those of an entity to itself not at all (`total_edges` counts what is stored). The same graph gives the same answer. A server without Graph Data Science, or
    without the memory for it, is a `GraphError`; nothing else needs the library.
    """

    _engine: Engine

    @public_call(GraphError)
    def get_graph_analytics(self) -> GraphAnalytics:
        """Measure the graph: size, density, degrees, components, clustering.

        Raises:
            GraphError: The analysis failed.
        """
        return self._engine.cache.get_or_compute(
            GraphAnalytics, lambda: analytics.overview(self._engine)
        )

    @contextmanager
    def graph_data_science(
        self, *, directed: bool = False, costs: bool = False
    ) -> "Iterator[tuple[GraphDataScience, Any]]":
        """The library's own Python client with the namespace's graph projected, for algorithms that have no call here.

            with client.graph_data_science() as (gds, graph):
                print(gds.k1_coloring.stats(graph))

        The projection has the relationship property `weight` and goes at the end of the block. No deadline holds inside.

        Args:
            directed: Whether relationships keep their direction.
            costs: Whether `weight` is -ln of the confidence instead of the confidence.

        Yields:
            A `graphdatascience.GraphDataScience` and its graph object.

        Raises:
            GraphError: The server has no Graph Data Science or not enough memory for the projection, or there are no entities.
            ValidationError: An argument is not valid.
        """
        with analytics.library(
            self._engine,
            directed=validation.check_flag("directed", directed),
            costs=validation.check_flag("costs", costs),
        ) as found:
            yield found

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
            metric: `pagerank` or `article_rank` (scores are shares, of 1 in all), `betweenness` (share of the pairs of other entities whose
                shortest paths lead through it), `closeness` (as improved by Wasserman and Faust), `harmonic` (average inverse distance),
                `eigenvector` (the vector has the length 1), `degree` (share of the other entities). `betweenness_centrality` and so on
                mean the same.
            top_k: Entities at most, 1 to 10,000.
            directed: Whether relationships count in their direction only.
            weighted: Whether relationships count by their confidence, in `pagerank`, `article_rank`, `eigenvector` and `degree`.

        Returns:
            Most central first, equal ones by id.

        Raises:
            GraphError: The analysis failed.
            ValidationError: An argument is not valid.
        """
        return analytics.central(
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
        """Find entities that belong together.

        Args:
            algorithm: `leiden` or `louvain` (by modularity), `label_propagation`, `wcc` (what is connected at all), `k_core` (by the depth
                in the core of the graph).
            min_size: Entities that a community must have, 1 or more.
            weighted: Whether relationships count by their confidence, in the first three.

        Returns:
            A list of at most 500 communities, largest first; its attribute `truncated` says whether there are more.

        Raises:
            GraphError: The analysis failed.
            ValidationError: An argument is not valid.
        """
        return analytics.communities(
            self._engine,
            algorithm,
            min_size=min_size,
            weighted=validation.check_flag("weighted", weighted),
        )

    @public_call(GraphError)
    def find_similar_entities(
        self, entity_id: str | None = None, top_k: int = 10, *, min_similarity: float = 0.0
    ) -> list[SimilarEntity]:
        """Find entities that are related to the same others.

        Args:
            entity_id: Id, exact name or alias of the entity that others are compared with; None compares all with all.
            top_k: Pairs at most, 1 to 1,000.
            min_similarity: Least overlap of the neighbourhoods, 0.0 to 1.0.

        Returns:
            Most similar first; pairs without a common neighbour are left out.

        Raises:
            NotFoundError: The entity does not exist.
            GraphError: The analysis failed.
            ValidationError: An argument is not valid.
        """
        return analytics.similar(self._engine, entity_id, top_k, min_similarity=min_similarity)

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
        """Find the best ways between two entities, by Yen's algorithm; none of them visits an entity twice.

        Args:
            source_entity_id: Id, exact name or alias of the entity they start from.
            target_entity_id: Id, exact name or alias of the entity they end at.
            k: Paths at most, 1 to 50.
            directed: Whether relationships are followed in their direction only.
            weighted: Whether the best path is the one with the greatest product of confidences, instead of the fewest relationships.

        Returns:
            Best first; nothing when there is no way, or when both are the same entity.

        Raises:
            NotFoundError: An entity does not exist.
            GraphError: The analysis failed.
            ValidationError: An argument is not valid.
        """
        return analytics.paths(
            self._engine,
            source_entity_id,
            target_entity_id,
            k,
            directed=validation.check_flag("directed", directed),
            weighted=validation.check_flag("weighted", weighted),
        )
