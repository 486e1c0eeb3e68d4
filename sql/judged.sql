-- one row a record: what every judge measured, side by side as <stage>_<attribute>; null where a judge has not run
SELECT * FROM {judged}
