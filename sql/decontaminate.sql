-- one row a record: the benchmark item found in it, if any, and how it matched
SELECT
    id,
    decontaminate_drop IS NULL AS keep,
    decontaminate_drop AS reason,
    decontaminate_benchmark AS benchmark,
    decontaminate_item AS item,
    decontaminate_twins AS twins,
    decontaminate_match AS match,
    decontaminate_overlap AS overlap
FROM ruled
WHERE decontaminate_keep IS NOT NULL
