"""Hold a model version against the policy of an alias before anybody is asked: the verdict without a request."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Trial:
    """What a promotion request would be told; ``raw`` is the whole answer.

    Attributes:
        verdict: ``ALLOW``, ``HOLD`` or ``BLOCK``, on the evidence that is there.
        dataset: ``sha256:<hex>`` of the Parquet file that evidence is made on; empty where Placet runs nothing.
        evidence: each piece that the policy wants, with type, kind, state and error.
        under_way: whether evidence is being made, so that asking again may come to something else.
    """

    model: str
    version: str
    alias: str
    verdict: str
    reason: str
    policy: str
    dataset: str
    checks: tuple[Mapping[str, Any], ...]
    evidence: tuple[Mapping[str, Any], ...]
    stages: tuple[Mapping[str, Any], ...]
    under_way: bool
    raw: Mapping[str, Any]

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read the API's answer; what it leaves out is empty."""
        names = ("model", "version", "alias", "verdict", "reason", "policy", "dataset")
        text = {name: str(raw.get(name) or "") for name in names}
        checks, evidence, stages = (tuple(raw.get(name) or ()) for name in ("checks", "evidence", "stages"))
        return cls(
            **text, checks=checks, evidence=evidence, stages=stages, under_way=raw.get("under_way") is True, raw=raw
        )


class TrialCalls:
    """The part of :class:`placet.sdk.Placet` that asks what a request would come to."""

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        raise NotImplementedError

    def check(
        self,
        model: str,
        version: str | int,
        alias: str,
        *,
        change_class: str | None = None,
        make_evidence: bool = False,
    ) -> Trial:
        """Hold a model version against the policy of ``alias``. No request is opened, and nobody is asked to decide.

        Args:
            change_class: ``substantial``, ``non-substantial`` (unless you say otherwise) or ``pre-determined``.
            make_evidence: have what is not made yet made; a request then finds it.
        Raises:
            PlacetProblem: whatever the request would be refused for; not allowed; not reachable.
        """
        body = {"model": model, "version": str(version), "alias": alias, "make_evidence": make_evidence}
        body |= {"change_class": change_class} if change_class else {}
        return Trial.from_json(self._json("POST", "/api/v1/promotion-checks", json=body))

    def check_when_made(
        self,
        model: str,
        version: str | int,
        alias: str,
        *,
        change_class: str | None = None,
        timeout_s: float = 900.0,
        every_s: float = 2.0,
        progress: Callable[[Trial], None] | None = None,
    ) -> Trial:
        """The same once all evidence is made that can be; what is missing is asked for first.

        Args:
            progress: called with each answer.
        Raises:
            PlacetProblem: as :meth:`check`; or evidence is still being made after ``timeout_s``.
        """
        from placet.sdk import PlacetProblem

        deadline = time.monotonic() + timeout_s
        found = self.check(model, version, alias, change_class=change_class, make_evidence=True)
        while True:
            if progress:
                progress(found)
            if not found.under_way:
                return found
            if time.monotonic() + every_s > deadline:
                detail = f"Evidence about {model}/{version} is not made after {timeout_s:.0f} s; check again later."
                raise PlacetProblem(title="Still working", detail=detail)
            time.sleep(every_s)
            found = self.check(model, version, alias, change_class=change_class)
