-- one row a record: its length under the target tokenizer and template, in all and supervised
SELECT
    id,
    tokens_drop IS NULL AS keep,
    tokens_drop AS reason,
    tokens_n_tokens AS n_tokens,
    tokens_n_target_tokens AS n_target_tokens
FROM ruled
WHERE tokens_keep IS NOT NULL
