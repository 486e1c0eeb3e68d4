-- one row a record: what it teaches; skill is the primary one
SELECT
    id,
    skill_drop IS NULL AS keep,
    skill_drop AS reason,
    skill_skill AS skill,
    skill_skills AS skills
FROM ruled
WHERE skill_keep IS NOT NULL
