"""A prediction service that verifies permit and bytes before it loads a model.

Start: ``PLACET_URL=… PLACET_TRUST_FILE=… MODEL_URI=models:/credit-risk@champion uvicorn examples.serving.app:app``
"""

import os
from typing import Any

import pandas as pd
from fastapi import FastAPI, HTTPException

from placet.loader import Refused, load_model, verify_model

app = FastAPI(title="Credit scoring")
_loaded: dict[str, Any] = {}


def _uri() -> str:
    return os.environ.get("MODEL_URI", "models:/credit-risk@champion")


@app.post("/reload")
def reload() -> dict[str, str]:
    """Verify what the alias points to now and load it; keep serving the old model when it is refused."""
    try:
        verified = verify_model(_uri())
        model = load_model(_uri())
    except Refused as refusal:
        raise HTTPException(status_code=409, detail=refusal.reason) from refusal
    _loaded.update(model=model, version=verified.version, digest=verified.artifact_digest)
    return {"version": verified.version, "digest": verified.artifact_digest}


@app.get("/health")
def health() -> dict[str, str]:
    """Say which version is loaded."""
    return {"version": str(_loaded.get("version", "none"))}


@app.post("/predictions")
def predict(rows: list[dict[str, Any]]) -> list[float]:
    """Return the probability of default per row."""
    if "model" not in _loaded:
        raise HTTPException(status_code=503, detail="No approved model is loaded.")
    pipeline = _loaded["model"].get_raw_model()
    default = list(pipeline.classes_).index("bad")
    return [float(p) for p in pipeline.predict_proba(pd.DataFrame(rows))[:, default]]
