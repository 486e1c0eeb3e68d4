-- one row a record: its measures and every judge's reason to drop it, duplicates included
SELECT
    r.*,
    CASE WHEN k.exact_rank > 1 THEN 'exact_duplicate' END AS exact_drop,
    CASE WHEN k.fuzzy_rank > 1 THEN 'near_duplicate' END AS fuzzy_drop
FROM ruled AS r LEFT JOIN keepers AS k USING (id)
