-- What can the kept corpus teach, and in which language? One row a skill.
SELECT
    skill,
    count(*) AS kept,
    count(*) FILTER (lang = 'zh') AS zh,
    count(*) FILTER (lang = 'en') AS en,
    count(*) FILTER (lang NOT IN ('zh', 'en')) AS other
FROM kept JOIN skill USING (id) JOIN language USING (id)
WHERE kept.keep
GROUP BY skill
ORDER BY kept DESC;
