-- one row a kept record: its domain, the unit that mixtures weight, and its supply in tokens
-- A domain is language and primary skill; one with too few records joins its language's "other", then "other".
WITH fine AS (
    SELECT
        id,
        source,
        coalesce(language_lang, 'und') AS lang,
        lang || '-' || coalesce(skill_skill, 'general') AS domain,
        tokens_n_tokens AS n_tokens,
        tokens_n_target_tokens AS n_target_tokens
    FROM cut
    WHERE coalesce(
        exact_drop, fuzzy_drop, language_drop, quality_drop, skill_drop, decontaminate_drop, tokens_drop, scores_drop
    ) IS NULL
),
wider AS (
    SELECT fine.* REPLACE (
        CASE WHEN count(*) OVER (PARTITION BY fine.domain) >= p.min_domain_records
            THEN fine.domain ELSE lang || '-other' END AS domain
    )
    FROM fine, policy AS p
)
SELECT
    id,
    CASE WHEN domain NOT LIKE '%-other' OR count(*) OVER (PARTITION BY domain) >= p.min_domain_records
        THEN domain ELSE 'other' END AS domain,
    source, n_tokens, n_target_tokens
FROM wider, policy AS p
