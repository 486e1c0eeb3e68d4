-- one row a record: the named heuristics it tripped and its score, under the policy
SELECT
    id,
    quality_drop IS NULL AS keep,
    quality_drop AS reason,
    quality_flags AS flags,
    quality_n_chars AS n_chars,
    quality_n_prompt_chars AS n_prompt_chars,
    quality_n_response_chars AS n_response_chars,
    quality_n_turns AS n_turns,
    quality_repetition AS repetition,
    quality_model_score AS model_score,
    quality_score AS score
FROM ruled
WHERE quality_keep IS NOT NULL
