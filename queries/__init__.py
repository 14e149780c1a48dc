"""Answer questions: rank, read dates, resolve entities, build prompt contexts, analyze the graph.

The functions build statements, which others send; the Cypher text is in `cypher/`.
"""
