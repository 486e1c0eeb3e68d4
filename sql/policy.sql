-- one row: the thresholds of the cut, from the configuration; changing them re-runs no judge
SELECT {policy}
