-- Why was each record dropped? One row a stage and reason, with the number dropped for it first and in all.
SELECT stage, reason, count(*) AS records, count(*) FILTER (first) AS dropped_first
FROM (
    SELECT v.stage, v.reason, k.stage = v.stage AS first
    FROM verdicts AS v JOIN kept AS k USING (id)
    WHERE NOT v.keep
)
GROUP BY stage, reason
ORDER BY dropped_first DESC;
