-- one row a sample that a model made for a prompt: accepted, then it is a record of the same id, or rejected, and why
SELECT
    id, parent_id, sample, accepted, reason, verified, agreement, method, model, prompt_hash, answer,
    turn, hinted, skill, lang, source, sampling, server, finish_reason, prompt_tokens, output_tokens, text
FROM {traces}
