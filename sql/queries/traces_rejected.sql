-- Why were samples rejected, and what does one look like? One row a source of traces and reason; the last row is all of them.
SELECT
    source, reason,
    count(*) AS samples,
    count(*) FILTER (hinted) AS hinted,
    any_value(model) AS model,
    any_value(answer) AS answer,
    any_value(left(text, 80)) AS text
FROM traces
WHERE NOT accepted
GROUP BY GROUPING SETS ((source, reason), ())
ORDER BY source NULLS LAST, samples DESC;
