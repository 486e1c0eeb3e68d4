-- one row a record in a duplicate cluster: its rank among its exact and its fuzzy cluster, 1 being the keeper
-- The keeper is the best copy (quality, then length, then id) among those that survive every other judge.
SELECT
    id,
    CASE
        WHEN exact_cluster_id IS NOT NULL THEN row_number() OVER (
            PARTITION BY exact_cluster_id
            ORDER BY survives DESC, quality_score DESC NULLS LAST, quality_n_chars DESC NULLS LAST, id
        )
    END AS exact_rank,
    CASE
        WHEN fuzzy_cluster_id IS NOT NULL THEN row_number() OVER (
            PARTITION BY fuzzy_cluster_id
            ORDER BY survives DESC, quality_score DESC NULLS LAST, quality_n_chars DESC NULLS LAST, id
        )
    END AS fuzzy_rank
FROM ruled
WHERE exact_cluster_id IS NOT NULL OR fuzzy_cluster_id IS NOT NULL
