-- one row a record and stage: does this judge keep it under the policy, and if not, why
SELECT id, stage, reason IS NULL AS keep, reason FROM (
    SELECT id, unnest([
        {'stage': 'exact', 'ran': exact_keep, 'reason': exact_drop},
        {'stage': 'fuzzy', 'ran': fuzzy_keep, 'reason': fuzzy_drop},
        {'stage': 'language', 'ran': language_keep, 'reason': language_drop},
        {'stage': 'quality', 'ran': quality_keep, 'reason': quality_drop},
        {'stage': 'skill', 'ran': skill_keep, 'reason': skill_drop},
        {'stage': 'decontaminate', 'ran': decontaminate_keep, 'reason': decontaminate_drop},
        {'stage': 'tokens', 'ran': tokens_keep, 'reason': tokens_drop},
        {'stage': 'scores', 'ran': scores_keep, 'reason': scores_drop}
    ], recursive := true)
    FROM cut
)
WHERE ran IS NOT NULL
