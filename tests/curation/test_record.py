from __future__ import annotations

import pyarrow as pa

from curation.record import RECORD, content_hash, flat_turns, fold, id_bytes, ids, record_id


def test_copies_that_differ_in_case_width_and_white_space_have_one_content_hash() -> None:
    first = content_hash([("user", "What is  １+1?"), ("assistant", "Two.\n")])
    assert first == content_hash([("user", "what is 1+1?"), ("assistant", "two.")])


def test_punctuation_and_roles_make_another_content() -> None:
    base = content_hash([("user", "1+1"), ("assistant", "2")])
    assert base != content_hash([("user", "1-1"), ("assistant", "2")])
    assert base != content_hash([("assistant", "1+1"), ("user", "2")])
    assert base != content_hash([("user", "1+1 2")])


def test_folding_keeps_chinese_as_it_is() -> None:
    assert fold("你好， 世界") == "你好, 世界"


def test_a_record_id_depends_on_source_row_and_content_and_nothing_else() -> None:
    content = content_hash([("user", "a")])
    assert record_id("s", "1", content) == record_id("s", "1", content)
    assert (
        len(
            {
                record_id("s", "1", content),
                record_id("t", "1", content),
                record_id("s", "2", content),
                record_id("s1", "", content),
            }
        )
        == 4
    )


def test_flat_turns_of_a_slice_belong_to_the_slice() -> None:
    turns = [[{"role": "user", "content": str(i)}, {"role": "assistant", "content": f"a{i}"}] for i in range(4)]
    table = pa.table({"turns": pa.array(turns, RECORD.field("turns").type)})
    flat = flat_turns(table.slice(2, 2))
    assert flat.offsets.tolist() == [0, 2, 4]
    assert flat.contents.to_pylist() == ["2", "a2", "3", "a3"]


def test_id_bytes_survive_slicing_and_chunking() -> None:
    values = [bytes([i]) * 16 for i in range(5)]
    column = pa.chunked_array([ids(values[:2]), ids(values[2:])])
    assert [v.tobytes() for v in id_bytes(column)] == values
    assert [v.tobytes() for v in id_bytes(column.slice(3))] == values[3:]
    assert len(id_bytes(pa.chunked_array([], type=pa.uuid()))) == 0
