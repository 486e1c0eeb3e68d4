-- one row a record: the one cut, with the first stage that drops it and that stage's reason
SELECT
    id,
    source,
    coalesce(exact_drop, fuzzy_drop, language_drop, quality_drop, skill_drop, decontaminate_drop, tokens_drop, scores_drop) AS reason,
    reason IS NULL AS keep,
    CASE
        WHEN exact_drop IS NOT NULL THEN 'exact'
        WHEN fuzzy_drop IS NOT NULL THEN 'fuzzy'
        WHEN language_drop IS NOT NULL THEN 'language'
        WHEN quality_drop IS NOT NULL THEN 'quality'
        WHEN skill_drop IS NOT NULL THEN 'skill'
        WHEN decontaminate_drop IS NOT NULL THEN 'decontaminate'
        WHEN tokens_drop IS NOT NULL THEN 'tokens'
        WHEN scores_drop IS NOT NULL THEN 'scores'
    END AS stage
FROM cut
