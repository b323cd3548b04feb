"""Spark counts what DuckDB and numpy count over one and the same Parquet. ``make test-spark`` installs it."""

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring import engine, tables
from monitoring.errors import InvalidProfile
from monitoring.profiles import ReferenceProfile
from monitoring.schema import RecordSchema
from monitoring.source_settings import Source

pytest.importorskip("pyspark", reason="pyspark is not installed: make test-spark installs it and runs this")
# Of Spark's own: sockets to the JVM that it leaves to the garbage collector, and names that pandas has renamed.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark"),
]

SCHEMA = RecordSchema(
    {"x": "number", "f": "number", "d": "number", "k": "integer", "c": "string", "b": "boolean", "gone": "number"},
    prediction="x",
)
ARROW = pa.schema(
    [
        ("x", pa.float64()),
        ("f", pa.float32()),
        ("d", pa.decimal128(12, 3)),
        ("k", pa.int64()),
        ("c", pa.string()),
        ("b", pa.bool_()),
        ("gone", pa.float64()),
        ("predicted_at", pa.timestamp("us", tz="UTC")),
    ]
)
NOON = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # clocks go forward in Europe at 01:00
AWKWARD = [
    math.nan,
    math.inf,
    -math.inf,
    None,
    -0.0,
    0.0,
    0.1,
    0.1 + 0.2,
    0.3,
    5e-324,
    -5e-324,
    1e300,
    1.7e308,
    1e16 + 2,
]
TEXTS = [
    None,
    "",
    " ",
    "a",
    "A",
    "a ",
    "ü",
    "u\u0308",
    "ß",
    "😀",
    "null",
    "NaN",
    "true",
    "a\nb",
    'say "x"',
    "\\n",
    "日本",
]


def some_rows(n, *, seed):
    draw = random.Random(seed)  # noqa: S311
    for i in range(n):
        x = draw.choice(AWKWARD) if draw.random() < 0.3 else round(draw.gauss(0, 3), draw.choice([0, 1, 12]))
        yield {
            "x": x,
            "f": draw.choice([None, math.nan, 0.1, 0.25, 1e-45, 3e38, draw.random()]),
            "d": draw.choice([None, Decimal("0.100"), Decimal("-7.125"), Decimal(draw.randint(-99999, 99999)) / 1000]),
            "k": draw.choice([None, 0, -(2**53), 2**53, draw.randint(-5, 5)]),
            "c": draw.choice(TEXTS),
            "b": draw.choice([None, True, False]),
            "gone": None,
            "predicted_at": NOON + timedelta(minutes=i),
        }


def columns(table):
    # Python's own float() of a decimal is the nearest one; Arrow's cast may be one bit beside it.
    number = {"number", "integer"}
    return {
        name: [None if value is None else float(value) if type_ in number else value for value in values]
        for name, type_ in SCHEMA.types.items()
        for values in [table.column(name).to_pylist()]
    }


@pytest.fixture(scope="module")
def spark():
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "3")
        .getOrCreate()
    )
    yield ibis.pyspark.connect(session)
    session.stop()


@pytest.fixture
def window(tmp_path):
    """Return the reference's table, the window's table and the file that holds the window."""
    base = pa.Table.from_pylist(list(some_rows(400, seed=1)), schema=ARROW)
    rows = list(some_rows(3000, seed=2))
    # Every edge of the bins is a value of the reference; put each into the window, and its neighbours on either side.
    reference = ReferenceProfile.of(columns(base), schema=SCHEMA)
    for edge in reference.columns[0].edges:
        rows += [{**rows[0], "x": x} for x in (edge, math.nextafter(edge, math.inf), math.nextafter(edge, -math.inf))]
    table = pa.Table.from_pylist(rows, schema=ARROW)
    pq.write_table(table, tmp_path / "window.parquet", row_group_size=500)
    return reference, table, tmp_path / "window.parquet"


def test_spark_duckdb_and_numpy_count_the_same(spark, window):
    reference, table, path = window
    counted = engine.profile_table(spark.read_parquet(str(path)), reference)
    assert counted == engine.profile([path], reference)
    assert counted == reference.profile(columns(table))
    assert counted.digest == engine.profile([path], reference).digest
    gone, x = counted.columns[-1], counted.columns[0]
    assert (gone.missing, gone.low) == (table.num_rows, None)
    assert min(x.counts) > 0


def test_spark_cuts_a_window_where_duckdb_cuts_it(spark, window, monkeypatch):
    reference, _, path = window
    start, end = NOON + timedelta(minutes=17), NOON + timedelta(hours=9)
    counted = engine.profile_table(spark.read_parquet(str(path)), reference, start=start, end=end)
    assert counted.n == 9 * 60 - 17
    assert counted == engine.profile([path], reference, start=start, end=end)
    later = NOON + timedelta(days=365)
    assert engine.profile_table(spark.read_parquet(str(path)), reference, start=later) == reference.empty


def test_means_and_deviations_agree_to_a_billionth(spark, window):
    reference, _, path = window
    with engine._open([str(path)]) as mine:
        found = [_moments(table, reference) for table in (mine, spark.read_parquet(str(path)))]
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def _moments(table, reference):
    """Return mean and population standard deviation of the columns whose squares have a floating-point number."""
    names = [column.name for column in reference.columns if column.kind == "numeric" and column.name in {"d", "k"}]
    values = {name: engine._finite(table[name]) for name in names}
    wanted = {f"{name}_{what}": value for name, value in values.items() for what in ("mean", "sd")}
    asked = {name: value.mean() if name.endswith("mean") else value.std(how="pop") for name, value in wanted.items()}
    (row,) = table.aggregate(**asked).to_pyarrow().to_pylist()
    return row


def test_spark_s_columns_are_held_against_the_reference(spark, window, tmp_path):
    reference, table, _ = window
    pq.write_table(table.drop_columns(["c"]), tmp_path / "less.parquet")
    with pytest.raises(InvalidProfile, match="no column 'c'"):
        engine.profile_table(spark.read_parquet(str(tmp_path / "less.parquet")), reference)


def test_a_source_reads_and_counts_a_table_of_spark(spark, window, settings):
    """The connection comes last in this file: whoever opened it ends Spark's session with it."""
    reference, _, path = window
    spark.raw_sql(f"CREATE OR REPLACE TEMPORARY VIEW traffic AS SELECT * FROM parquet.`{path}`").collect()
    settings.SOURCES = {"SPARK": "pyspark://"}
    source = Source("SPARK", "traffic", NOON.replace(minute=0).isoformat())
    start, end = NOON + timedelta(minutes=17), NOON + timedelta(hours=9)
    with tables.opened(source) as table:
        counted = engine.profile_table(tables.between(table, start, end), reference)
        rows = tables.rows_of(table, frozenset({"x", "predicted_at"}), start, end, most=1000)
    assert counted == engine.profile([path], reference, start=start, end=end)
    assert (rows.num_rows, rows.column("predicted_at")[0].as_py()) == (9 * 60 - 17, start)
