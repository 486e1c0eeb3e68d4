-- Which benchmarks leaked, how many of their items, into how many records of how many sources? One row a benchmark.
SELECT
    benchmark,
    count(*) AS records,
    count(DISTINCT item) AS items,
    count(DISTINCT source) AS sources,
    mode(source) AS most_from,
    mode(match) AS most_by
FROM decontaminate JOIN kept USING (id)
WHERE NOT decontaminate.keep
GROUP BY benchmark
ORDER BY records DESC;
