"""The hand-off: one mixture as a folder that a trainer starts from, and the check that the folder is what it says.

manifest (settings and the manifest's schema) · plan (which line and shard each drawn record goes to) · messages (turns
as trainers accept them) · materialise (`handoff`) · launch and datasheet (what lies beside the data) · verify (`verify`).

    <root>/handoff/<mix>/
        data/part-00000-of-00004.jsonl   one line: {"id", "channel", "messages": [{"role", "content"}, …]}
        lineage.parquet                  one row a drawn record: where it lies
        reports/*.json  DATASHEET.md  launch/…
        manifest.json                    written last; sha256 of every other file
"""
