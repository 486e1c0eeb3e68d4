-- one row a stage, in order: rows that came in, rows it dropped first, rows left; records_in = dropped + kept
-- (scores only where anything was scored)
WITH named AS (
    SELECT unnest(['exact', 'fuzzy', 'language', 'quality', 'skill', 'decontaminate', 'tokens', 'scores']) AS stage,
        generate_subscripts(['exact', 'fuzzy', 'language', 'quality', 'skill', 'decontaminate', 'tokens', 'scores'], 1) AS position
),
stages AS (SELECT * FROM named WHERE stage <> 'scores' OR (SELECT count(scores_keep) > 0 FROM judged)),
drops AS (SELECT stage, count(*) AS dropped FROM kept WHERE NOT keep GROUP BY stage),
total AS (SELECT count(*) AS records FROM kept),
counted AS (
    SELECT position, stage, coalesce(dropped, 0) AS dropped,
        (sum(coalesce(dropped, 0)) OVER (ORDER BY position))::BIGINT AS so_far
    FROM stages LEFT JOIN drops USING (stage)
)
SELECT 0 AS position, 'ingest' AS stage, records + quarantined AS records_in, quarantined AS dropped, records AS kept
FROM total, (SELECT count(*) AS quarantined FROM quarantine)
UNION ALL
SELECT position, stage, records - so_far + dropped, dropped, records - so_far FROM counted, total
ORDER BY position
