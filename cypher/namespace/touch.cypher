// Give a namespace another version; the last statement of a transaction whose other statements do
// not.
// Columns: version (string).
// `expected_state` says where vectors were written, null where there were none. If another model is
// in use by now, or an id of the rows belongs to a merged entity, the range guard rolls everything
// back, see cypher/README.md.
:param batch => {namespace: "default", expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
MERGE (v:NamespaceVersion {namespace: $batch.namespace})
SET v.version = randomUUID()
WITH v
CALL (v) {
  WITH v, $batch.expected_state AS expected
  WHERE expected IS NOT NULL
  FOREACH (new IN CASE WHEN v.vectors_revision IS NULL THEN [expected] ELSE [] END |
    SET v.embedding_model = new.model, v.vector_size = new.size, v.vectors = new.vector_property, v.vectors_revision = new.revision)
  WITH v, expected
  WHERE v.vectors_revision <> expected.revision OR v.embedding_model <> expected.model OR (coalesce(v.merges, 0) <> expected.merges AND (
    EXISTS { UNWIND expected.ids AS id MATCH (:MergedEntity {namespace: $batch.namespace, id: id}) }
    OR EXISTS {
      UNWIND expected.followed AS row
      WITH row WHERE NOT EXISTS { (:MergedEntity {namespace: $batch.namespace, id: row.id})<-[:MERGED]-(:Merge)-[:INTO]->({id: row.into}) }
      RETURN row
    }
  )) OR EXISTS {
    UNWIND expected.spellings AS row
    MATCH (x:Entity {namespace: $batch.namespace, folded: row.folded})
    WHERE NOT x.id IN expected.ids AND NOT x.type IN row.excluded_types
    RETURN x
  }
  RETURN sum(size(range(0, 1, v.vectors_revision * 0))) AS guard
}
RETURN v.version AS version;
