-- Which sources survive the cut, and what kills the others? One row a source.
SELECT
    source,
    count(*) AS records,
    count(*) FILTER (keep) AS survivors,
    round(100.0 * survivors / records, 1) AS percent,
    count(*) FILTER (stage = 'exact') AS exact,
    count(*) FILTER (stage = 'fuzzy') AS fuzzy,
    count(*) FILTER (stage = 'language') AS language,
    count(*) FILTER (stage = 'quality') AS quality,
    count(*) FILTER (stage = 'decontaminate') AS decontaminate,
    count(*) FILTER (stage = 'tokens') AS tokens
FROM kept
GROUP BY source
ORDER BY records DESC;
