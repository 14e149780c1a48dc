"""What the tests of the schema share: statements, verdicts, a graph that dies."""

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.schema import indexes, migrations


def run(graph, text, **parameters):
    with graph.driver.session() as session:
        return [dict(row) for row in session.run(text, parameters)]


def verdicts(graph):
    existing = indexes.read_indexes(graph)
    return {
        index.assess(existing) for index in migrations.list_required_indexes(graph, vector_size=384)
    }


class Counted(Graph):
    """A graph that records its statements and simulates a crash before or after a write."""

    def __init__(self, *arguments, dies=None, spares=0, **options):
        super().__init__(*arguments, **options)
        self.names, self.writes, self._dies, self._spares = [], 0, dies, spares

    def run(self, statement, *, deadline=None):
        self.names.append(statement.name)
        self.writes += statement.writes
        if self.writes > self._spares and statement.writes and self._dies == "before":
            raise KeyboardInterrupt
        rows = super().run(statement, deadline=deadline)
        if self.writes > self._spares and statement.writes and self._dies == "after":
            raise KeyboardInterrupt
        return rows
