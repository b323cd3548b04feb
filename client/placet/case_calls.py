"""What a connection to Placet can ask about bundles of a promotion, an AI system or a period."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from placet.production import segment

_OPEN = frozenset({"queued", "running"})


class CaseCalls:
    """The part of :class:`placet.sdk.Placet` that is about bundles of a case."""

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        raise NotImplementedError

    def _rows(self, path: str, only: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
        raise NotImplementedError

    def request_bundle(
        self,
        *,
        promotion: str | None = None,
        system: str | None = None,
        start: str | None = None,
        end: str | None = None,
        seen_size: int | None = None,
        idempotency_key: str | None = None,
    ) -> Mapping[str, Any]:
        """Ask for the bundle of a promotion, a system or a period (RFC 3339, ``end`` no part of it); returns the job.

        Raises:
            PlacetProblem: it is not exactly one of the three, or not yours to take away.
        """
        given = {"promotion": promotion, "system": system, "from": start, "to": end, "seen_size": seen_size}
        body = {name: value for name, value in given.items() if value is not None}
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return self._json("POST", "/api/v1/bundles", json=body, headers=headers)

    def bundle(self, id: str) -> Mapping[str, Any]:
        """Return how far a bundle is."""
        return self._json("GET", f"/api/v1/bundles/{segment(id)}")

    def bundles(self) -> Iterator[Mapping[str, Any]]:
        """Yield the bundles that you asked for, newest first."""
        yield from self._rows("/api/v1/bundles", {})

    def wait_for_bundle(
        self,
        id: str,
        *,
        timeout_s: float = 3600.0,
        every_s: float = 1.0,
        progress: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Mapping[str, Any]:
        """Wait until a bundle is done or failed, and return it.

        Raises:
            TimeoutError: it is still being made after ``timeout_s``.
            PlacetProblem: not reachable.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            found = self.bundle(id)
            if progress:
                progress(found)
            if found.get("state") not in _OPEN:
                return found
            if time.monotonic() + every_s > deadline:
                raise TimeoutError(f"Bundle {id} is not made after {timeout_s:.0f} s; it goes on without you.")
            time.sleep(every_s)
