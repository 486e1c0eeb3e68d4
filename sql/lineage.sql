-- one row a record and place it went to: a hand-off's shard and row, or the trace that rewrites it
SELECT id, 'handoff' AS kind, mix AS name, shard, "row", domain, epoch FROM {lineage}
UNION ALL
SELECT parent_id AS id, 'trace' AS kind, id::VARCHAR AS name, source AS shard, NULL AS "row", NULL AS domain, NULL AS epoch
FROM records WHERE parent_id IS NOT NULL
