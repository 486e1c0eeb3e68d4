-- What are the longest conversations, and were they kept? One row a record.
SELECT t.id, r.source, r.source_id, len(r.turns) AS turns, t.n_tokens, t.n_target_tokens, k.keep, k.reason
FROM tokens AS t JOIN records AS r USING (id) JOIN kept AS k USING (id)
ORDER BY t.n_tokens DESC
LIMIT 20;
