-- How much can each domain give, and how often would the natural mixture of 1.4 billion tokens repeat it?
SELECT
    domain,
    count(*) AS records,
    sum(n_tokens)::BIGINT AS tokens,
    sum(n_target_tokens)::BIGINT AS target_tokens,
    round(sum(n_tokens) / sum(sum(n_tokens)) OVER (), 4) AS natural_weight,
    round(1.4e9 / sum(sum(n_tokens)) OVER (), 1) AS epochs_at_1_4b
FROM domains
GROUP BY domain
ORDER BY tokens DESC;
