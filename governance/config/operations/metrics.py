"""``/metrics``: the installation in figures, as Prometheus reads them.

All of it is asked of the database and the broker at each scrape, so every web process gives the same answer. Counts and
durations of requests are left out: each process of gunicorn knows only its own, and a scrape reaches one at random.
The proxy before them counts all.
"""

import hmac
import logging
from collections import defaultdict
from collections.abc import Iterable

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from governance.config.operations import measures
from governance.config.operations.measures import METRICS, Figure

log = logging.getLogger(__name__)
FAMILIES = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}


class Installation(Collector):
    """Asks at each scrape. What can't be asked is absent, and its group's ``placet_collected`` is 0."""

    def describe(self) -> Iterable[Metric]:
        """Return the metrics' names without asking anybody."""
        return [FAMILIES[kind.type](name, kind.help, labels=kind.labels) for name, kind in METRICS.items()]

    def collect(self) -> Iterable[Metric]:
        """Return the metrics with their values now."""
        found: list[Figure] = []
        for group in measures.GROUPS:
            figures = _asked(group)
            found += [*(figures or ()), ("placet_collected", (group,), float(figures is not None))]
        by_name: dict[str, list[Figure]] = defaultdict(list)
        for figure in found:
            by_name[figure[0]].append(figure)
        for name, rows in by_name.items():
            kind = METRICS[name]
            family = FAMILIES[kind.type](name, kind.help, labels=kind.labels)
            for _, labels, value in rows:
                family.add_metric(labels, float(value))
            yield family


def _asked(group: str) -> list[Figure] | None:
    try:
        return measures.figures(group)
    except RedisError as error:
        log.warning("metrics of %s: the broker does not answer: %s", group, error)
    except Error as error:
        log.warning("metrics of %s: PostgreSQL does not answer: %s", group, str(error).strip())
        if not connection.in_atomic_block:
            connection.close()  # so that the next group begins with a connection of its own
    return None


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape that shows ``PLACET_METRICS_TOKEN``; without that setting there is no such address."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(
            "No metrics here: PLACET_METRICS_TOKEN is not set.\n", status=404, content_type="text/plain"
        )
    shown = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(shown, f"Bearer {settings.METRICS_TOKEN}".encode()):
        said = "Show PLACET_METRICS_TOKEN as a bearer token.\n"
        return HttpResponse(said, status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry()
    registry.register(Installation())
    return HttpResponse(
        generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"}
    )
