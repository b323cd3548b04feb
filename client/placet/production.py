"""What a connection to Placet can ask and do about production: who was there when, go back, stop, take over."""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote


class ProductionCalls:
    """The part of :class:`placet.sdk.Placet` that is about what serves."""

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        raise NotImplementedError

    def production(self, model: str, *, alias: str | None = None, at: str | None = None) -> Mapping[str, Any]:
        """Return what was behind the protected aliases of a model, in ``spans``, each with its word.

        Args:
            at: only what was there at this moment, RFC 3339 with an offset.
        """
        query = {name: value for name, value in (("alias", alias), ("at", at)) if value}
        return self._json("GET", f"/api/v1/registered-models/{quote(model, safe='')}/production", params=query)

    def coverage(self, start: str, end: str) -> Mapping[str, Any]:
        """Return what was watched between two moments (RFC 3339), with which gaps, and what was found."""
        return self._json("GET", "/api/v1/coverage", params={"from": start, "to": end})

    def population(
        self, start: str, end: str, *, sample: int | None = None, seed: str | None = None
    ) -> Mapping[str, Any]:
        """Return every change of a protected alias and every attempt between two moments, or a sample by a seed."""
        query = {"from": start, "to": end, "sample": sample, "seed": seed}
        return self._json("GET", "/api/v1/change-population", params={k: v for k, v in query.items() if v is not None})

    def adopt(
        self,
        *,
        dry_run: bool = False,
        deadline: date | None = None,
        owner: str = "",
        mapping: Mapping[str, Mapping[str, str]] | None = None,
        only: Sequence[str] = (),
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> Mapping[str, Any]:
        """Propose that what MLflow has in production serves on until a day, or with ``dry_run`` see what that holds.

        A risk officer signs it in the browser, at the ``url`` of the answer. ``rows`` of the answer are what it holds,
        those with a ``problem`` are left out.

        Args:
            deadline: until when each needs an approval of its own; at most 366 days ahead.
            owner: who answers for what the mapping gives nobody, by id or address.
            mapping: by model ``{system, owner}``; :func:`placet.adoptions.read_mapping` reads it from a CSV file.
            only: patterns of model names; all when left out.
        Raises:
            PlacetProblem: not allowed, nothing to adopt, a name that is not there, MLflow or Placet not reachable.
        """
        body: dict[str, Any] = {"dry_run": dry_run, "mapping": mapping or {}, "only": list(only)}
        body |= {"owner": owner} if owner else {}
        body |= {"deadline": deadline.isoformat()} if deadline else {}
        body |= {"reason": reason} if reason else {}
        headers = {} if dry_run else {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return self._json("POST", "/api/v1/adoptions", json=body, headers=headers)

    def roll_back(self, model: str, alias: str, *, reason: str, version: int | None = None) -> Mapping[str, Any]:
        """Go back to what was live before on an approval in force; returns the change, to follow by its number."""
        return self._changed(model, alias, "rollbacks", {"reason": reason, "version": version})

    def stop(self, model: str, alias: str, *, reason: str) -> Mapping[str, Any]:
        """Take an alias off at once; returns the change, to follow by its number."""
        return self._changed(model, alias, "stops", {"reason": reason})

    def break_glass(self, model: str, version: int, alias: str, *, reason: str) -> Mapping[str, Any]:
        """Put a version there that nobody approved; returns the change, to follow by its number."""
        return self._changed(model, alias, "broken-glasses", {"reason": reason, "version": version})

    def alias_change(self, number: str) -> Mapping[str, Any]:
        """Return one write of a protected alias by its number (``AC-7``)."""
        return self._json("GET", f"/api/v1/alias-changes/{segment(number)}")

    def _changed(self, model: str, alias: str, act: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        path = f"/api/v1/registered-models/{quote(model, safe='')}/aliases/{quote(alias, safe='')}/{act}"
        return self._json("POST", path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})


def segment(text: str) -> str:
    """Return one path segment; refuses what could reach another path."""
    if not re.fullmatch(r"[A-Za-z0-9_.~-]{1,200}", text) or text in {".", ".."}:
        raise ValueError(f"{text!r} is not an id.")
    return text
