"""Watching what was let through: profiles of records, drift, alerts.

The arithmetic is pure and mergeable (:mod:`monitoring.statistics`, :mod:`monitoring.profiles`). The engine reads
Parquet where it lies (:mod:`monitoring.engine`). Records arrive in batches (:mod:`monitoring.records`). A drift run
attaches its result to the model version as evidence (:mod:`monitoring.services`).
"""
