-- one row a rejected row of a raw file (or a rejected file: row is null)
SELECT source, file, "row", reason, detail, excerpt FROM {quarantine}
