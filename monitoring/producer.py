"""Make ``drift/v1`` evidence: runs in the evidence worker, named by its job's parameters."""

from __future__ import annotations

import io
import platform
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import rfc8785
from django.conf import settings

from governance.evidence import storage
from governance.evidence.errors import CannotProduce
from governance.evidence.producers import Product, Task
from monitoring import crosscheck, drift, engine, gathering, profiles, runs, selectors, windows
from monitoring.drift_settings import DriftSettings
from monitoring.errors import InvalidProfile, UnreadableRecords
from monitoring.kept import CategoryCounts
from monitoring.models import ReferenceProfile
from monitoring.schema import kind_of
from registry.models import ModelVersion


def measure_drift(task: Task) -> Product:
    """Compare one window with its version's reference, and let Evidently compute the same columns on a sample.

    Parameters: ``monitor``, ``version`` (row ids), ``start``, ``end``, ``received_until`` (RFC 3339), ``settings``,
    ``policy`` (name and number, empty without one), ``before`` (records in earlier windows), ``kpis_before`` (means of
    KPIs in earlier windows), and ``evidently_report`` (keep its HTML as a file).

    Raises:
        CannotProduce: records or reference can not be read or do not fit each other.
    """
    given = task.parameters
    monitor = selectors.monitor(given["monitor"])
    version = ModelVersion.objects.select_related("model").get(pk=given["version"])
    start, end, until = (datetime.fromisoformat(given[name]) for name in ("start", "end", "received_until"))
    limits = DriftSettings.from_json(given["settings"])
    batches = list(selectors.batches_in(monitor, version, start=start, end=end, received_until=until))
    if selectors.batches_digest(batches) != task.dataset_digest:
        raise CannotProduce("The batches of the window are not those that the run was asked for; ask for a new run.")
    try:
        task.progress(0, 4, f"Scoring the reference with {version}")
        reference = windows.reference_of(monitor, version)
        task.progress(1, 4, f"Counting {len(batches)} batches")
        window = windows.window_profile(batches, reference, start=start, end=end)
        task.progress(2, 4, "Evidently on a sample of the same columns")
        bins = profiles.ReferenceProfile.from_json(reference.profile)
        paths = windows.window_paths(batches, start=start, end=end)
        check = None  # Evidently has nothing to say of a window in which nothing came
        if window.n:
            names = list(bins.schema.types)
            sample = engine.sample(paths, names, rows=limits.sampling.sample, seed=task.seed, start=start, end=end)
            of_reference = _reference_sample(reference, names, limits.sampling.sample, task.seed)
            kinds = {name: kind_of(type_) for name, type_ in bins.schema.types.items()}
            check = crosscheck.compare(
                of_reference,
                crosscheck.shareable(
                    sample.to_pandas(),
                    of_reference,
                    numeric=[name for name, kind in kinds.items() if kind == "numeric"],
                    named=_named(bins, window),
                ),
                kinds=kinds,
                html=bool(given.get("evidently_report")),
            )
        task.progress(3, 4, "What else the policy has measured; distances, intervals, false discovery rate")
        served = gathering.served(
            monitor, reference, paths, limits, start=start, end=end, before=given.get("kpis_before", {})
        )
        payload = drift.compute(
            bins,
            window,
            limits,
            monitor=str(monitor),
            version=version.subject_name,
            start=start,
            end=end,
            seed=task.seed,
            crosscheck=check,
            before=given["before"],
            deleted_days=windows.deleted_days(batches, start=start, end=end),
            served=served.facts,
        )
    except (InvalidProfile, UnreadableRecords) as error:
        raise CannotProduce(str(error)) from error
    files = {runs.WINDOW_FILE: rfc8785.dumps(window.to_json())}
    if check and check.html:
        files[runs.EVIDENTLY_FILE] = check.html
    environment = made_with(
        task,
        dataset=task.dataset_digest,
        reference=reference.digest,
        reference_rows=reference.rows_digest,
        **({"labels": served.labels_digest} if served.labels_digest else {}),
    )
    sampled = dict(zip(("reference", "window"), check.rows if check else (0, 0), strict=True))
    return Product(payload, environment | {"isolation": reference.isolation, "sampled": sampled}, files)


def _named(reference: profiles.ReferenceProfile, window: profiles.WindowProfile) -> dict[str, set[str]]:
    """Return the texts of each column of texts that have a name in the window's profile."""
    return {
        known.name: {*known.counts.counts, *seen.counts}
        for known, seen in zip(reference.columns, window.columns, strict=True)
        if known.type == "string" and isinstance(known.counts, CategoryCounts) and isinstance(seen, CategoryCounts)
    }


def _reference_sample(reference: ReferenceProfile, names: list[str], rows: int, seed: int) -> pd.DataFrame:
    frame = pd.read_parquet(io.BytesIO(storage.get(reference.rows_digest)), columns=names)
    return frame if len(frame) <= rows else frame.sample(rows, random_state=seed % 2**32)


def made_with(task: Task, **inputs: str) -> dict[str, Any]:
    """Return what evidence was made with: interpreter, locked libraries, seed, and the digests of what was read."""
    lock = Path(settings.BASE_DIR) / "requirements.lock"
    return {
        "python": platform.python_version(),
        "lock_digest": f"sha256:{sha256(lock.read_bytes()).hexdigest()}" if lock.exists() else None,
        "seed": task.seed,
        "inputs": {"subject": task.subject_digest, **inputs},
    }
