-- Which benchmarks leaked, how many of their items, into how many records of how many sources? One row a benchmark.
-- A record counts for every benchmark that asks the question found in it, not only for the first one, which is named.
SELECT
    split_part(held, '/', 1) AS benchmark,
    count(DISTINCT id) AS records,
    count(DISTINCT held) AS items,
    count(DISTINCT source) AS sources,
    mode(source) AS most_from,
    mode(match) AS most_by
FROM (
    SELECT id, match, unnest(list_append(coalesce(twins, []), item)) AS held FROM decontaminate WHERE NOT keep
) JOIN kept USING (id)
GROUP BY ALL
ORDER BY records DESC;
