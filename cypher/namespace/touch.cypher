// Give a namespace another version; the last statement of a transaction whose other statements do
// not.
// Columns: version (string).
// `space` says where vectors were written, null where there were none. If another model is in use
// by now, or an id of the rows belongs to a merged entity, the range guard rolls everything back,
// see cypher/README.md.
:param batch => {namespace: "default", space: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vectors: "embedding", other: "embedding_none", revision: 1, merges: 0, ids: [], followed: []}}
MERGE (v:NamespaceVersion {namespace: $batch.namespace})
SET v.version = randomUUID()
WITH v
CALL (v) {
  WITH v, $batch.space AS space
  WHERE space IS NOT NULL
  FOREACH (new IN CASE WHEN v.vectors_revision IS NULL THEN [space] ELSE [] END |
    SET v.embedding_model = new.model, v.vector_size = new.size, v.vectors = new.vectors, v.vectors_revision = new.revision)
  WITH v, space
  WHERE v.vectors_revision <> space.revision OR v.embedding_model <> space.model OR (coalesce(v.merges, 0) <> space.merges AND (
    EXISTS { UNWIND space.ids AS id MATCH (:MergedEntity {namespace: $batch.namespace, id: id}) }
    OR EXISTS {
      UNWIND space.followed AS row
      WITH row WHERE NOT EXISTS { (:MergedEntity {namespace: $batch.namespace, id: row.id})<-[:MERGED]-(:Merge)-[:INTO]->({id: row.into}) }
      RETURN row
    }
  ))
  RETURN sum(size(range(0, 1, v.vectors_revision * 0))) AS moved
}
RETURN v.version AS version;
