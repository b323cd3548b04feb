"""A prediction service that answers only with what a permit covers, and goes on while others are down.

Start: ``uvicorn examples.serving.app:app``; the README beside this file says what it reads from the environment.
"""

import os
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Header, HTTPException, Response
from fastapi.responses import JSONResponse

from examples.serving.records import Records
from examples.serving.slots import NotServing, Slot
from placet.loader import LoadedModel, Refused

POLL_S = float(os.environ.get("POLL_SECONDS", "30"))
CANARY_SHARE = float(os.environ.get("CANARY_SHARE", "0"))
champion = Slot(os.environ.get("MODEL_URI", "models:/credit-risk@champion"))
canary = Slot(os.environ["CANARY_URI"]) if os.environ.get("CANARY_URI") else None
slots = [slot for slot in (champion, canary) if slot]
stop = threading.Event()
_records: list[Records] = []


def _watch() -> None:
    while not stop.is_set():
        for slot in slots:
            slot.look()
        stop.wait(POLL_S)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Load and watch in a thread, so that the process answers at once; ready it is when a model has verified."""
    stop.clear()
    if os.environ.get("PLACET_TOKEN"):  # of a service account with the scope records:write
        _records.append(Records(every_s=float(os.environ.get("RECORDS_SECONDS", "5"))))
    threading.Thread(target=_watch, name="watch", daemon=True).start()
    yield
    stop.set()
    while _records:
        _records.pop().close()


app = FastAPI(title="Credit scoring", lifespan=lifespan)


@app.get("/live")
def live() -> dict[str, str]:
    """Liveness: the process works. Restarting it would help nothing that /health tells of."""
    return {"status": "alive"}


@app.get("/ready")
def ready() -> JSONResponse:
    """Readiness: the champion answers."""
    serving = champion.health()["serving"]
    return JSONResponse({"ready": serving, "note": champion.note}, status_code=200 if serving else 503)


@app.get("/health")
def health() -> dict[str, Any]:
    """Say which version answers, at which threshold, and what is not as it should be."""
    counts = dict(_records[0].counts) if _records else None
    return champion.health() | {"canary": canary.health() if canary else None, "records": counts}


@app.post("/reload")
def reload() -> dict[str, str]:
    """Verify and load what the alias points to now, without waiting for the next look."""
    try:
        verified = champion.load().verified
    except Refused as refused:
        raise HTTPException(status_code=409, detail=refused.reason) from refused
    return {"version": verified.version, "digest": verified.artifact_digest}


@app.post("/predictions")
def predict(rows: list[dict[str, Any]], response: Response, x_canary: str | None = Header(None)) -> list[float]:
    """Return the probability of default per row; the headers name the version that answered."""
    return _answer(rows, response, x_canary)[1]


@app.post("/decisions")
def decide(rows: list[dict[str, Any]], response: Response, x_canary: str | None = Header(None)) -> list[dict[str, Any]]:
    """Return for each row the probability and whether it reaches the threshold that was approved with the model."""
    loaded, scores = _answer(rows, response, x_canary)
    threshold = loaded.verified.decision_threshold
    if threshold is None:
        raise HTTPException(status_code=503, detail="The permit names no decision threshold; use /predictions.")
    return [{"probability": score, "decline": score >= threshold} for score in scores]


def _answer(rows: list[dict[str, Any]], response: Response, x_canary: str | None) -> tuple[LoadedModel, list[float]]:
    try:
        loaded, scores = _chosen(x_canary).answer(rows)
    except NotServing as why:
        raise HTTPException(status_code=503, detail=f"No approved model may answer. {why}") from why
    permit = loaded.verified.permit
    response.headers.update({"X-Model-Version": permit.version, "X-Model-Alias": permit.alias})
    if _records:
        _records[0].add(permit, rows, scores)
    return loaded, scores


def _chosen(x_canary: str | None) -> Slot:
    """Return the canary where the caller asks for it, or by its share; the champion where it does not serve."""
    wanted = x_canary not in (None, "0") or (x_canary is None and random.random() < CANARY_SHARE)  # noqa: S311
    return canary if wanted and canary and canary.health()["serving"] else champion
