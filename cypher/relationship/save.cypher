// Write relationships between existing entities. Source, type and target identify a relationship.
// Columns: id (string), source, target, type (strings), created (boolean), created_ms (integer),
// properties (JSON or null).
// `references` are the words by which ends were found, where they are not the ids of the ends.
// Plan: two seeks per row. Removing a property that entities never have locks both ends, and writes
// nothing: MERGE alone locks them only where it creates the relationship, and an undo of a merge or
// a save that deletes the relationship could commit meanwhile. If an end was deleted or merged into
// another entity, if the relationship was deleted, or if a reference is the id of another entity by
// now, a guard rolls everything back. The references are checked under the namespace's lock, while
// nobody merges entities.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", now: 1767225600000, rows: [{source: "DataProcessor", target: "pandas", type: "USES", properties: {name: "uses", confidence: 0.9}}], references: [{text: "data processor", id: "DataProcessor"}]}
UNWIND $batch.rows AS row
MATCH (a:Entity {namespace: $batch.namespace, id: row.source})
MATCH (b:Entity {namespace: $batch.namespace, id: row.target})
REMOVE a.lock, b.lock
WITH row, a, b
MERGE (a)-[r:$(row.type)]->(b)
ON CREATE SET r.created_ms = $batch.now, r.fresh = true, r.sources = []
WITH row, a, b, r, coalesce(r.fresh, false) AS created
SET r += row.properties, r.updated_ms = $batch.now
REMOVE r.fresh
WITH size($batch.rows) - sum(CASE WHEN a:Entity AND b:Entity AND r.id IS NOT NULL THEN 1 ELSE 0 END) AS missing,
  collect({
    id: r.id, source: a.id, target: b.id, type: type(r), created: created, created_ms: r.created_ms,
    properties: r.properties
  }) AS rows
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
  WITH v
  CALL () {
    UNWIND $batch.references AS row
    WITH row
    WHERE EXISTS { (:Entity {namespace: $batch.namespace, id: row.text}) }
      OR (EXISTS { (:MergedEntity {namespace: $batch.namespace, id: row.text}) } AND NOT EXISTS {
        (:MergedEntity {namespace: $batch.namespace, id: row.text})
          (()<-[:MERGED]-(:Merge)-[:INTO]->()){1,20} (:Entity {id: row.id})
      })
    RETURN count(*) AS moved_references
  }
  RETURN moved_references
}
UNWIND CASE WHEN missing + moved_references > 0 THEN [1 / (missing * 0)]
  ELSE rows END AS row
RETURN row.id AS id, row.source AS source, row.target AS target, row.type AS type,
  row.created AS created, row.created_ms AS created_ms, row.properties AS properties;
