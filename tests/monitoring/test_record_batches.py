"""Batches come in once, whole and typed, or are refused with the columns and rows at fault."""

import contextlib
import json
import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring import intake, report
from monitoring.errors import BatchIdTaken, SchemaDrift, TooManyRecords, UnreadableRecords
from monitoring.intake import JSON_LINES, PARQUET, read_batch
from monitoring.records import GROUP_ROWS, draft_parquet, store_batch, stored_batches
from monitoring.schema import RecordSchema

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
SCHEMA = RecordSchema(
    {"amount": "number", "months": "integer", "purpose": "string", "foreign": "boolean", "prediction": "number"},
    prediction="prediction",
)
GOOD = {"amount": 1169.5, "months": 6, "purpose": "car", "foreign": True, "prediction": 0.25}


def lines(*records):
    return "\n".join(json.dumps(record) for record in records).encode()


def parquet(**data):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(data), sink)
    return sink.getvalue().to_pybytes()


def good_columns(n=2):
    return {name: [value] * n for name, value in GOOD.items()}


def read(body, content_type=JSON_LINES):
    return read_batch(body, content_type=content_type, schema=SCHEMA, now=NOW)


def problems(body, content_type=JSON_LINES):
    with pytest.raises(SchemaDrift) as refusal:
        read(body, content_type)
    return {(p["column"], p["kind"]): p for p in refusal.value.extra["problems"]}


def test_json_lines_and_parquet_become_the_same_typed_rows():
    times = ["2026-11-01T10:00:00Z", "2026-11-02T01:00:00+02:00"]
    from_lines = read(lines(*({**GOOD, "predicted_at": at, "prediction_id": at} for at in times)))
    moments = pa.array([datetime.fromisoformat(at) for at in times], type=pa.timestamp("ns", tz="Europe/Vienna"))
    from_parquet = read(parquet(**good_columns(), predicted_at=moments, prediction_id=times), PARQUET)
    assert from_lines.table.equals(from_parquet.table)
    assert from_lines.rows == 2
    assert from_lines.table.column("predicted_at").to_pylist()[1] == datetime(2026, 11, 1, 23, tzinfo=UTC)


def test_a_feature_may_be_null_the_prediction_may_not():
    table = read(lines({**GOOD, "amount": None, "purpose": None})).table
    assert table.column("amount").null_count == table.column("purpose").null_count == 1
    assert problems(lines(GOOD, {**GOOD, "prediction": None}))["prediction", "empty"]["rows"] == [2]


def test_a_file_written_by_pandas_with_gaps_is_understood(tmp_path):
    frame = pd.DataFrame({**good_columns(), "amount": [np.nan, 2.0], "months": [np.nan, 6.0]})
    frame["purpose"] = frame["purpose"].astype("category")
    frame.to_parquet(tmp_path / "frame.parquet")
    table = read((tmp_path / "frame.parquet").read_bytes(), PARQUET).table
    assert table.column("amount").to_pylist() == [None, 2.0]
    assert table.column("months").to_pylist() == [None, 6]


@pytest.mark.parametrize(
    ("change", "column", "kind", "found"),
    [
        ({"surprise": 1}, "surprise", "unknown", "a value"),
        ({"amount": "12"}, "amount", "mistyped", "a text"),
        ({"amount": True}, "amount", "mistyped", "a boolean"),
        ({"amount": 10**400}, "amount", "mistyped", "a number too large"),
        ({"months": 6.5}, "months", "mistyped", "a number"),
        ({"months": 2**63}, "months", "mistyped", "a number too large"),
        ({"purpose": 3}, "purpose", "mistyped", "an integer"),
        ({"purpose": "x" * 1001}, "purpose", "mistyped", "a text of more than 1000 characters"),
        ({"purpose": "\ud800"}, "purpose", "mistyped", "a text with half a surrogate pair"),
        ({"foreign": "yes"}, "foreign", "mistyped", "a text"),
        ({"predicted_at": "yesterday"}, "predicted_at", "mistyped", "another text"),
        ({"predicted_at": "2026-11-01T10:00:00"}, "predicted_at", "mistyped", "a time without offset"),
        ({"predicted_at": "2026-11-24T10:00:00Z"}, "predicted_at", "mistyped", "a time in the future"),
        ({"predicted_at": 1}, "predicted_at", "mistyped", "an integer"),
        ({"prediction_id": 1}, "prediction_id", "mistyped", "an integer"),
    ],
)
def test_what_does_not_fit_is_named_by_column_and_row(change, column, kind, found):
    at = {"predicted_at": "2026-11-01T10:00:00Z"} if column == "predicted_at" else {}
    problem = problems(lines({**GOOD, **at}, {**GOOD, **at, **change}))[column, kind]
    assert problem["found"] == found
    assert (problem["count"], problem["rows"]) == (1, [2])


def test_a_missing_column_is_reported_with_its_rows_and_a_sentence_that_says_what_to_do():
    body = lines(*({k: v for k, v in GOOD.items() if k != "months"} for _ in range(30)))
    found = problems(body)["months", "missing"]
    assert found["count"] == 30
    assert found["rows"] == list(range(1, 11))
    with pytest.raises(SchemaDrift, match=r"'months' missing: expected integer.*send them again"):
        read(body)


def test_a_time_must_be_in_every_row_or_in_none():
    found = problems(lines({**GOOD, "predicted_at": "2026-11-01T10:00:00Z"}, GOOD))
    assert found["predicted_at", "mistyped"]["rows"] == [2]


def test_an_id_stands_once_in_a_batch():
    found = problems(lines(*({**GOOD, "prediction_id": name} for name in ("a", "b", "a"))))
    assert found["prediction_id", "repeated"]["rows"] == [3]


@pytest.mark.parametrize(
    ("changes", "column", "kind"),
    [
        ({"amount": ["1", "2"]}, "amount", "mistyped"),
        ({"amount": [float("inf"), 1.0]}, "amount", "mistyped"),
        ({"months": [1.5, 2.0]}, "months", "mistyped"),
        ({"purpose": ["x" * 1001] * 2}, "purpose", "mistyped"),
        ({"foreign": [0, 1]}, "foreign", "mistyped"),
        ({"extra": [[1], [2]]}, "extra", "unknown"),
        ({"predicted_at": pa.array([0, 1], type=pa.timestamp("us"))}, "predicted_at", "mistyped"),
        ({"months": None}, "months", "missing"),
    ],
)
def test_parquet_columns_that_do_not_fit_are_named(changes, column, kind):
    data = {name: value for name, value in {**good_columns(), **changes}.items() if value is not None}
    assert (column, kind) in problems(parquet(**data), PARQUET)


@pytest.mark.parametrize(
    ("body", "content_type", "match"),
    [
        (b"", JSON_LINES, "no records"),
        (b"[1]", JSON_LINES, "Line 1 is not an object"),
        (lines(GOOD) + b"\n{", JSON_LINES, "Line 2 is not JSON"),
        (lines(GOOD).replace(b"1169.5", b"NaN"), JSON_LINES, "NaN is not a JSON number"),
        (lines(GOOD).replace(b"{", b'{"months": 5, ', 1), JSON_LINES, "twice in one record"),
        (b"[" * 100_000, JSON_LINES, "Line 1 is not JSON"),
        (b"\xff\xfe", JSON_LINES, "not UTF-8: byte 0"),
        (lines(GOOD), "text/csv", "'text/csv' is not taken; send"),
        (b"PAR1", PARQUET, "not a Parquet file"),
        (parquet(**good_columns(0)), PARQUET, "does not fit|no records"),
    ],
)
def test_bodies_that_are_not_what_they_say_are_refused(body, content_type, match):
    with pytest.raises((UnreadableRecords, SchemaDrift), match=match):
        read(body, content_type)


def test_a_damaged_parquet_body_is_refused_at_every_flipped_byte():
    good = parquet(**good_columns(50))
    for place in range(0, len(good), 7):
        bad = bytearray(good)
        bad[place] ^= 0xFF
        with contextlib.suppress(UnreadableRecords, SchemaDrift, TooManyRecords):
            read(bytes(bad), PARQUET)


def test_batches_are_bounded(monkeypatch):
    monkeypatch.setattr(intake, "MAX_ROWS", 3)
    for body, content_type in ((lines(*[GOOD] * 4), JSON_LINES), (parquet(**good_columns(4)), PARQUET)):
        with pytest.raises(TooManyRecords, match="Split it"):
            read(body, content_type)
    monkeypatch.setattr(intake, "MAX_BYTES", 10)
    with pytest.raises(TooManyRecords, match="more than 10 bytes"):
        read(lines(GOOD))


def test_a_batch_is_kept_by_day_and_read_back(tmp_path):
    times = ["2026-11-01T23:59:59Z", "2026-11-02T00:00:00Z", "2026-11-02T12:00:00Z"]
    batch = read(lines(*({**GOOD, "predicted_at": at} for at in times)))
    stored = store_batch(batch, root=tmp_path, monitor_id="m1", batch_id="b-1", now=NOW)
    assert stored.created
    assert (stored.rows, stored.start.isoformat(), stored.end.day) == (3, "2026-11-01T23:59:59+00:00", 2)
    assert [p.path.relative_to(tmp_path).as_posix() for p in stored.partitions] == [
        "monitor=m1/date=2026-11-01/batch=b-1.parquet",
        "monitor=m1/date=2026-11-02/batch=b-1.parquet",
    ]
    assert [pq.read_table(p.path).num_rows for p in stored.partitions] == [p.rows for p in stored.partitions] == [1, 2]
    assert not list(tmp_path.rglob(".draft-*"))


def test_the_same_batch_again_changes_nothing_and_other_content_needs_another_id(tmp_path):
    body = lines(GOOD)
    first = store_batch(read(body), root=tmp_path, monitor_id="m1", batch_id="b", now=NOW)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.rglob("*.*") if p.is_file()}
    again = store_batch(read(body), root=tmp_path, monitor_id="m1", batch_id="b", now=NOW + timedelta(days=3))
    assert (again.created, again.start, again.partitions) == (False, first.start, first.partitions)
    with pytest.raises(BatchIdTaken, match="id of its own"):
        store_batch(read(lines({**GOOD, "months": 7})), root=tmp_path, monitor_id="m1", batch_id="b", now=NOW)
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.rglob("*.*") if p.is_file()} == before
    store_batch(read(lines({**GOOD, "months": 7})), root=tmp_path, monitor_id="m2", batch_id="b", now=NOW)


def test_a_crash_half_way_leaves_nothing_that_counts_and_repetition_completes_it(tmp_path, monkeypatch):
    times = ["2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z"]
    batch = read(lines(*({**GOOD, "predicted_at": at} for at in times)))
    from monitoring import records

    whole, calls = records._write_parquet, []

    def crash_on_the_second(table, path, before):
        calls.append(path)
        if len(calls) == 2:
            raise OSError("power cut")
        whole(table, path, before)

    monkeypatch.setattr(records, "_write_parquet", crash_on_the_second)
    with pytest.raises(OSError, match="power cut"):
        store_batch(batch, root=tmp_path, monitor_id="m", batch_id="b", now=NOW)
    assert list(stored_batches(tmp_path, "m")) == []
    monkeypatch.setattr(records, "_write_parquet", whole)
    assert store_batch(batch, root=tmp_path, monitor_id="m", batch_id="b", now=NOW).created
    assert [b.rows for b in stored_batches(tmp_path, "m")] == [2]


def test_records_without_time_keep_the_day_of_the_first_attempt(tmp_path, monkeypatch):
    from monitoring import records

    monkeypatch.setattr(records, "_write_parquet", lambda *_: (_ for _ in ()).throw(OSError("power cut")))
    with pytest.raises(OSError, match="power cut"):
        store_batch(read(lines(GOOD)), root=tmp_path, monitor_id="m", batch_id="b", now=NOW)
    monkeypatch.undo()
    stored = store_batch(read(lines(GOOD)), root=tmp_path, monitor_id="m", batch_id="b", now=NOW + timedelta(days=1))
    assert stored.start == stored.end == NOW


def test_of_racing_senders_with_one_id_one_content_stays(tmp_path):
    bodies = [lines({**GOOD, "months": month}) for month in range(8)]
    batches, outcomes, start = [read(body) for body in bodies], [], threading.Barrier(8)

    def send(batch):
        start.wait()
        try:
            store_batch(batch, root=tmp_path, monitor_id="m", batch_id="b", now=NOW)
            outcomes.append("kept")
        except BatchIdTaken:
            outcomes.append("refused")

    threads = [threading.Thread(target=send, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept", *["refused"] * 7]
    (stored,) = stored_batches(tmp_path, "m")
    month = pq.read_table(stored.partitions[0].path).column("months").to_pylist()[0]
    assert stored.digest == batches[month].digest


@pytest.mark.parametrize("name", ["", "../b", "a/b", ".b", "b" * 101, "b\n", "batch=1"])
def test_ids_that_could_leave_the_folder_are_refused(tmp_path, name):
    for ids in ({"monitor_id": "m", "batch_id": name}, {"monitor_id": name, "batch_id": "b"}):
        with pytest.raises(UnreadableRecords, match="can not be used"):
            store_batch(read(lines(GOOD)), root=tmp_path, now=NOW, **ids)
    assert list(tmp_path.iterdir()) == []


def test_rows_named_in_a_report_are_few(monkeypatch):
    monkeypatch.setattr(report, "ROWS_NAMED", 2)
    assert problems(lines(*[{**GOOD, "months": "x"}] * 5))["months", "mistyped"]["rows"] == [1, 2]


def arrow(writer=pa.ipc.new_stream, packed=None, **data):
    sink = pa.BufferOutputStream()
    table = pa.table(data)
    with writer(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=packed)) as out:
        out.write_table(table)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("packed", [None, "lz4", "zstd"])
@pytest.mark.parametrize(
    ("writer", "content_type"), [(pa.ipc.new_stream, intake.ARROW_STREAM), (pa.ipc.new_file, intake.ARROW_FILE)]
)
def test_arrow_becomes_the_same_typed_rows(writer, content_type, packed):
    times = ["2026-11-01T10:00:00Z", "2026-11-02T01:00:00+02:00"]
    from_lines = read(lines(*({**GOOD, "predicted_at": at, "prediction_id": at} for at in times)))
    moments = pa.array([datetime.fromisoformat(at) for at in times], type=pa.timestamp("ns", tz="Europe/Vienna"))
    body = arrow(writer, packed, **good_columns(), predicted_at=moments, prediction_id=times)
    assert read(body, content_type).table.equals(from_lines.table)


@pytest.mark.parametrize("type_", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_every_kind_of_text_column_is_the_same_text(type_):
    columns = {**good_columns(3), "purpose": pa.array(["car", None, "radio"]).cast(type_)}
    for body, content_type in ((arrow(**columns), intake.ARROW_STREAM), (parquet(**columns), PARQUET)):
        assert read(body, content_type).table.column("purpose").to_pylist() == ["car", None, "radio"]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (pa.int8(), 6),
        (pa.uint64(), 6),
        (pa.float32(), 6.0),
        (pa.float64(), 6.0),
        (pa.dictionary(pa.int8(), pa.int64()), 6),
    ],
)
def test_every_kind_of_whole_number_is_the_same_number(type_, value):
    column = pa.array([value, None, value], type_.value_type if pa.types.is_dictionary(type_) else type_)
    column = column.dictionary_encode() if pa.types.is_dictionary(type_) else column
    table = read(arrow(**{**good_columns(3), "months": column, "amount": column}), intake.ARROW_STREAM).table
    assert table.column("months").to_pylist() == [6, None, 6]
    assert table.column("amount").to_pylist() == [6.0, None, 6.0]


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("months", pa.array([1, 2**63], pa.uint64()), "a number too large"),
        ("months", pa.array([1.0, 1e300]), "a number too large"),
        ("months", pa.array([1.0, 1.5]), "a number"),
        ("amount", pa.array([1.0, float("-inf")]), "an infinity"),
        ("amount", pa.array([None, "x"]), "a column of type string"),
        ("purpose", pa.array(["x", "ü" * 1001]), "a text of more than 1000 characters"),
        ("purpose", pa.array(["x", "ü" * 1001]).dictionary_encode(), "a text of more than 1000 characters"),
        ("predicted_at", pa.array([0, 2**62], pa.timestamp("s", "UTC")), "a time outside the calendar"),
        ("predicted_at", pa.array([0, 2 * 10**9], pa.timestamp("s", "UTC")), "a time in the future"),
        ("predicted_at", pa.array(["2026-11-01T10:00:00Z", "soon"]), "another text"),
        ("prediction", pa.array([1.0, float("nan")]), "null"),
    ],
)
def test_a_typed_column_is_reported_by_the_row_that_does_not_fit(column, values, found):
    body = arrow(**{**good_columns(), column: values})
    reported = {(p["found"], tuple(p["rows"])) for p in problems(body, intake.ARROW_STREAM).values()}
    assert (found, (2,)) in reported


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_packed_body_is_the_batch_that_it_unpacks_to(encoding):
    body = lines(GOOD, GOOD)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, encoding) as out:
        out.write(body)
    packed = read_batch(
        sink.getvalue().to_pybytes(), content_type=JSON_LINES, schema=SCHEMA, now=NOW, encoding=encoding.upper()
    )
    assert (packed.table, packed.digest) == (read(body).table, read(body).digest)


def test_rows_are_counted_through_all_blocks_of_a_body(monkeypatch):
    from monitoring import blocks

    monkeypatch.setattr(blocks, "LINES_PER_BLOCK", 3)
    monkeypatch.setattr(blocks, "ROWS_PER_BLOCK", 3)
    wrong = {0: "x", 4: "y", 7: "z"}
    body = lines(*({**GOOD, "months": wrong.get(row, row), "prediction_id": str(row % 8)} for row in range(9)))
    assert problems(body)["months", "mistyped"]["rows"] == [1, 5, 8]
    columns = {**good_columns(9), "prediction_id": [str(row % 8) for row in range(9)]}
    for body, content_type in ((arrow(**columns), intake.ARROW_STREAM), (parquet(**columns), PARQUET)):
        assert problems(body, content_type)["prediction_id", "repeated"]["rows"] == [9]


def test_a_damaged_arrow_body_is_refused_or_read_at_every_flipped_byte():
    for packed in (None, "zstd"):
        good = arrow(packed=packed, **good_columns(50))
        for place in range(0, len(good), 7):
            bad = bytearray(good)
            bad[place] ^= 0xFF
            with contextlib.suppress(UnreadableRecords, SchemaDrift, TooManyRecords):
                read(bytes(bad), intake.ARROW_STREAM)


def test_a_sender_that_lags_does_not_bring_back_what_was_changed_since(tmp_path, monkeypatch):
    """Both senders find no batch; the one that comes to the lock second writes nothing."""
    from monitoring import records

    body, waiting, go_on, outcomes = lines(GOOD), threading.Event(), threading.Event(), []
    real = records.locked

    @contextlib.contextmanager
    def lags(home, batch_id):
        if threading.current_thread().name == "second":
            waiting.set()
            assert go_on.wait(10)
        with real(home, batch_id):
            yield

    monkeypatch.setattr(records, "locked", lags)

    def send():
        stored = store_batch(read(body), root=tmp_path, monitor_id="m", batch_id="b", now=NOW)
        outcomes.append(stored.created)

    second = threading.Thread(target=send, name="second")
    second.start()
    assert waiting.wait(10)
    (path,) = [p.path for p in store_batch(read(body), root=tmp_path, monitor_id="m", batch_id="b", now=NOW).partitions]
    path.write_bytes(b"rewritten since")
    go_on.set()
    second.join()
    assert outcomes == [False]
    assert path.read_bytes() == b"rewritten since"


def test_a_large_batch_is_kept_in_groups_that_several_threads_count(tmp_path):
    table = pa.table({"x": np.zeros(GROUP_ROWS * 2 + 1)})
    made = draft_parquet(table, tmp_path / "day.parquet")
    groups = pq.ParquetFile(made).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [GROUP_ROWS, GROUP_ROWS, 1]
