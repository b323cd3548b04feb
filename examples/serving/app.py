"""A prediction service that verifies permit and bytes before it loads a model.

Start: ``PLACET_URL=… PLACET_TRUST_FILE=… MODEL_URI=models:/credit-risk@champion uvicorn examples.serving.app:app``
"""

import os
from typing import Any

import pandas as pd
from fastapi import FastAPI, HTTPException

from placet.loader import Refused, load_verified

app = FastAPI(title="Credit scoring")
_loaded: dict[str, Any] = {}


def _uri() -> str:
    return os.environ.get("MODEL_URI", "models:/credit-risk@champion")


@app.post("/reload")
def reload() -> dict[str, str]:
    """Verify what the alias points to now and load it; keep serving the old model when it is refused."""
    try:
        loaded = load_verified(_uri())  # one verification: what is reported is what was loaded
    except Refused as refusal:
        raise HTTPException(status_code=409, detail=refusal.reason) from refusal
    verified = loaded.verified
    _loaded.update(
        model=loaded.model,
        version=verified.version,
        digest=verified.artifact_digest,
        threshold=verified.decision_threshold,
    )
    return {"version": verified.version, "digest": verified.artifact_digest}


@app.get("/health")
def health() -> dict[str, str]:
    """Say which version is loaded, and the threshold that was approved with it."""
    return {"version": str(_loaded.get("version", "none")), "decision_threshold": str(_loaded.get("threshold", "none"))}


@app.post("/predictions")
def predict(rows: list[dict[str, Any]]) -> list[float]:
    """Return the probability of default per row."""
    if "model" not in _loaded:
        raise HTTPException(status_code=503, detail="No approved model is loaded.")
    pipeline = _loaded["model"].get_raw_model()
    default = list(pipeline.classes_).index("bad")
    return [float(p) for p in pipeline.predict_proba(pd.DataFrame(rows))[:, default]]
