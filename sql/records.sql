-- one row a record: the conversation as its maker wrote it
SELECT id, source, source_id, licence, turns, parent_id, meta FROM {records}
