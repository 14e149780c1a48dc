// Read what is needed to undo a merge.
// Columns: merge (map). No row: the merge does not exist.
// Plan: a seek.
:param batch => {namespace: "default", id: "merge:1"}
MATCH (g:Merge {namespace: $batch.namespace, id: $batch.id})
RETURN g {.id, .kept_id, .merged_ids, .merged_labels, .snapshot, .counts, .undone_ms} AS merge;
