-- one row a search, run and metric: what a proxy run of a mixture measured (lower is better)
SELECT search, run, name, kind, seed, metric, value FROM {observations}
