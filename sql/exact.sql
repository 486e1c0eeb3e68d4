-- one row a record: its exact duplicates (same folded conversation) and whether it is the keeper among them
SELECT
    id,
    exact_drop IS NULL AS keep,
    exact_drop AS reason,
    exact_cluster_id AS cluster_id,
    exact_cluster_size AS cluster_size,
    exact_prompt_group AS prompt_group,
    exact_prompt_group_size AS prompt_group_size
FROM cut
WHERE exact_keep IS NOT NULL
