// Find the entities that these words refer to: first by id (also of a merged entity), then by exact
// name, then by exact alias, then by an id, name or alias in another spelling.
// Columns: reference (string, as passed), id (string), rank (0 id, 1 name, 2 alias, 3 spelling). A
// word that refers to nothing has no row.
// Plan: three index seeks per word; aliases and spellings are found by their filter tokens in the
// fulltext index.
// The branches see what was committed last, each at its own time. An entity that is merged or
// restored meanwhile may have no row: callers look again after `namespace/settled_version`, in the
// same transaction. Or a word that is its id may find another entity by name: writes check that at
// their end, see `relationship/save`.
:param batch => {namespace: "default", references: [{text: "DataProcessor", names: "+facets:1 +(facets:2 facets:3)"}]}
UNWIND $batch.references AS row
CALL (row) {
  MATCH (e:Entity {namespace: $batch.namespace, id: row.text})
  RETURN e.id AS id, 0 AS rank
  UNION ALL
  MATCH (g:MergedEntity {namespace: $batch.namespace, id: row.text})
    (()<-[:MERGED]-(:Merge)-[:INTO]->()){1,20} (e:Entity)
  RETURN e.id AS id, 0 AS rank
  UNION ALL
  MATCH (e:Entity {namespace: $batch.namespace, name: row.text})
  RETURN e.id AS id, 1 AS rank
  UNION ALL
  CALL db.index.fulltext.queryNodes('memory_text', row.names, {limit: 20}) YIELD node
  WITH node WHERE node:Entity AND node.namespace = $batch.namespace
  RETURN node.id AS id, CASE WHEN row.text IN node.aliases THEN 2 ELSE 3 END AS rank
}
WITH row, id, rank ORDER BY rank, id
WITH row.text AS reference, collect({id: id, rank: rank})[0] AS best
RETURN reference, best.id AS id, best.rank AS rank;
