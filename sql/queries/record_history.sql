-- What became of one record? One row a step. Name it with: SET VARIABLE id = '…'; else a member of the largest cluster.
WITH chosen AS (
    SELECT coalesce(
        try_cast(getvariable('id') AS UUID),
        (SELECT id FROM fuzzy ORDER BY cluster_size DESC NULLS LAST, id LIMIT 1)
    ) AS id
)
SELECT 1 AS step, 'record' AS what, source || ' ' || source_id AS outcome, left(turns[1].content, 100) AS detail
FROM records JOIN chosen USING (id)
UNION ALL
SELECT 2, 'verdict of ' || stage, CASE WHEN keep THEN 'keep' ELSE 'drop' END, reason FROM verdicts JOIN chosen USING (id)
UNION ALL
SELECT 3, 'cut', CASE WHEN keep THEN 'kept' ELSE 'dropped' END, reason FROM kept JOIN chosen USING (id)
UNION ALL
SELECT 4, 'domain', domain, n_tokens || ' tokens' FROM domains JOIN chosen USING (id)
UNION ALL
SELECT 5, kind, name, concat_ws(' ', shard, 'row', "row") FROM lineage JOIN chosen USING (id)
ORDER BY step, what;
