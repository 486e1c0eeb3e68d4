-- one row a record: its measures, and each content judge's reason to drop it under the policy (null: it keeps it)
SELECT
    j.*,
    CASE
        WHEN NOT j.language_keep AND NOT list_contains(p.allow, j.language_reason) THEN j.language_reason
        WHEN NOT list_contains(p.languages, j.language_lang) AND NOT list_contains(p.allow, 'other_language')
            THEN 'other_language'
        WHEN j.language_prob < p.min_language_prob THEN 'low_language_confidence'
        WHEN p.require_agreement AND NOT j.language_agreement AND NOT list_contains(j.skill_skills, 'translation')
            THEN 'language_disagreement'
    END AS language_drop,
    CASE
        WHEN NOT j.quality_keep AND len(list_filter(j.quality_flags, lambda f: list_contains(p.allow, f))) = 0
            THEN j.quality_reason
        WHEN list_has_any(j.quality_flags, p.drop_flags) THEN list_filter(j.quality_flags, lambda f: list_contains(p.drop_flags, f))[1]
        WHEN j.quality_score < p.min_quality THEN 'low_quality_score'
        WHEN j.quality_model_score < p.min_model_score THEN 'low_model_score'
    END AS quality_drop,
    CASE WHEN NOT j.skill_keep AND NOT list_contains(p.allow, j.skill_reason) THEN j.skill_reason END AS skill_drop,
    CASE
        WHEN NOT j.decontaminate_keep AND NOT list_contains(p.allow, j.decontaminate_reason) THEN j.decontaminate_reason
    END AS decontaminate_drop,
    CASE
        WHEN NOT j.tokens_keep AND NOT list_contains(p.allow, j.tokens_reason) THEN j.tokens_reason
        WHEN j.tokens_n_tokens > p.max_tokens THEN 'too_long'
        WHEN j.tokens_n_target_tokens < p.min_target_tokens THEN 'no_target_tokens'
    END AS tokens_drop,
    coalesce(language_drop, quality_drop, skill_drop, decontaminate_drop, tokens_drop) IS NULL AS survives,
    CASE -- after the choice of keepers: only survivors have scores, and a copy of a refused one is as bad
        WHEN NOT j.scores_keep AND NOT list_contains(p.allow, j.scores_reason) THEN j.scores_reason
        WHEN p.max_ifd > 0 AND j.scores_ifd > p.max_ifd THEN 'high_ifd'
        WHEN p.max_ppl > 0 AND j.scores_ppl > p.max_ppl THEN 'high_perplexity'
    END AS scores_drop
FROM judged AS j, policy AS p
