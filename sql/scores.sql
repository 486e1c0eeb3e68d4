-- one row a record: how likely a model finds its last answer, with its question (ppl) and with it against without (ifd)
SELECT
    id,
    scores_drop IS NULL AS keep,
    scores_drop AS reason,
    scores_ppl AS ppl,
    scores_ppl_alone AS ppl_alone,
    scores_ifd AS ifd,
    scores_n_tokens AS n_tokens,
    scores_n_prompt AS n_prompt,
    scores_note AS note
FROM ruled
WHERE scores_keep IS NOT NULL
