-- Which sources repeat one another? One row a pair of sources, by the clusters they share.
WITH members AS (SELECT DISTINCT cluster_id, source FROM fuzzy JOIN kept USING (id) WHERE cluster_id IS NOT NULL)
SELECT a.source, b.source AS other_source, count(*) AS shared_clusters
FROM members AS a JOIN members AS b ON a.cluster_id = b.cluster_id AND a.source < b.source
GROUP BY ALL
ORDER BY shared_clusters DESC
LIMIT 50;
