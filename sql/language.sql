-- one row a record: the language of the conversation and of each turn, under the policy
SELECT
    id,
    language_drop IS NULL AS keep,
    language_drop AS reason,
    language_lang AS lang,
    language_prob AS prob,
    language_script AS script,
    language_prompt_lang AS prompt_lang,
    language_response_lang AS response_lang,
    language_agreement AS agreement,
    language_turn_langs AS turn_langs
FROM ruled
WHERE language_keep IS NOT NULL
