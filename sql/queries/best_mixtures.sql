-- Which proxy runs did best? One row a run: its mean loss over all metrics against the natural mixture's.
WITH runs AS (
    SELECT search, run, name, kind, avg(value) AS mean_loss, count(*) AS metrics
    FROM observations GROUP BY ALL
)
SELECT *, round(mean_loss - avg(mean_loss) FILTER (kind = 'natural') OVER (PARTITION BY search), 4) AS against_natural
FROM runs
ORDER BY search, mean_loss
LIMIT 50;
