-- one row a record: its near duplicates (verified Jaccard) and whether it is the keeper among them
SELECT
    id,
    fuzzy_drop IS NULL AS keep,
    fuzzy_drop AS reason,
    fuzzy_cluster_id AS cluster_id,
    fuzzy_cluster_size AS cluster_size,
    fuzzy_jaccard AS jaccard
FROM cut
WHERE fuzzy_keep IS NOT NULL
