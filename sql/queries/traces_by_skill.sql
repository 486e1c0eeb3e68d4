-- How many samples were accepted, at what price in tokens, and how many of those traces does the cut keep?
-- One row a source of traces, skill and language; the last row is all of them.
SELECT
    t.source, t.skill, t.lang,
    count(*) AS samples,
    count(*) FILTER (t.accepted) AS traces,
    round(100.0 * traces / nullif(samples, 0), 1) AS percent,
    count(*) FILTER (t.verified) AS verified,
    count(*) FILTER (k.keep) AS kept,
    sum(t.output_tokens)::BIGINT AS output_tokens,
    round(sum(t.output_tokens) / nullif(traces, 0)) AS tokens_a_trace
FROM traces AS t LEFT JOIN kept AS k USING (id)
GROUP BY GROUPING SETS ((t.source, t.skill, t.lang), ())
ORDER BY t.source NULLS LAST, samples DESC;
