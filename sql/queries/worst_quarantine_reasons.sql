-- Which raw rows could not be read, why, and what did one look like? One row a source and reason.
SELECT source, reason, count(*) AS "rows", min("row") AS first_row, any_value(detail) AS detail, any_value(left(excerpt, 80)) AS excerpt
FROM quarantine
GROUP BY source, reason
ORDER BY "rows" DESC
LIMIT 50;
