// Save an instruction that a user states by a call, not in a message. Saved again, it becomes the
// latest of its address, and active if it was retired. Where a clock has given that address one from
// the future, `order_key` is that of the millisecond after it.
// Columns: created (boolean), created_ms, timestamp_ms (integers).
// All times are `stated_ms`, or if it is null, the time of the server's clock. The order key begins
// with the time plus 2^62.
// `expected_state` is the namespace's vector state as the caller read it; a guard compares it with
// the present one.
// The namespace gets another version at the very end, so that its lock is held for the commit only.
:param batch => {namespace: "default", id: "instruction:1", stated_ms: null, properties: {content: "Answer in French.", terms: "answer in french", kind: "instruction", facets: ["1"], address: "assistant language", order_key: "00000000000000000000:0"}, vector: [0.1, 0.2], expected_state: {model: "all-MiniLM-L6-v2@53aa5117", size: 384, vector_property: "embedding", inactive_property: "embedding_none", revision: 1, merges: 0, ids: [], followed: [], spellings: []}}
CYPHER replan=skip
WITH coalesce($batch.stated_ms, datetime.realtime().epochMillis) AS now
WITH now, '0' + toString(now + 4611686018427387904) + substring($batch.properties.order_key, 20) AS key
MERGE (i:Instruction {namespace: $batch.namespace, id: $batch.id})
ON CREATE SET i.created_ms = now, i.fresh = true
WITH i, now, key, coalesce(i.fresh, false) AS created
REMOVE i.fresh, i.lock, i[$batch.expected_state.inactive_property]
WITH i, now, key, created
CALL (i, key) {
  MATCH (x:Instruction {namespace: $batch.namespace, address: $batch.properties.address})
  WHERE x <> i AND x.status = 'active' AND x.order_key >= key
  WITH max(x.order_key) AS latest
  RETURN '0' + toString(toInteger(left(latest, 20)) + 1) + substring(latest, 20) AS later_key
}
SET i += $batch.properties, i.status = 'active', i.timestamp_ms = now, i.updated_ms = now,
  i.order_key = coalesce(later_key, key)
WITH i, created
CALL (i) {
  WITH i
  CALL db.create.setNodeVectorProperty(i, $batch.expected_state.vector_property, $batch.vector)
}
CALL () {
  MERGE (v:NamespaceVersion {namespace: $batch.namespace})
  SET v.version = randomUUID()
  WITH v, $batch.expected_state AS expected
  WHERE expected IS NOT NULL
  FOREACH (new IN CASE WHEN v.vectors_revision IS NULL THEN [expected] ELSE [] END |
    SET v.embedding_model = new.model, v.vector_size = new.size, v.vectors = new.vector_property,
      v.vectors_revision = new.revision)
  WITH v, expected
  WHERE v.vectors_revision <> expected.revision OR v.embedding_model <> expected.model
    OR (coalesce(v.merges, 0) <> expected.merges AND (
    EXISTS { UNWIND expected.ids AS id MATCH (:MergedEntity {namespace: $batch.namespace, id: id}) }
    OR EXISTS {
      UNWIND expected.followed AS row
      WITH row
      WHERE NOT EXISTS {
        (:MergedEntity {namespace: $batch.namespace, id: row.id})
          <-[:MERGED]-(:Merge)-[:INTO]->({id: row.into})
      }
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
RETURN created, i.created_ms AS created_ms, i.timestamp_ms AS timestamp_ms;
