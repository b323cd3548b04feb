"""The settings that decide how models are run."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def model_code() -> str:
    """Whether a model that brings its author's code is run: isolated or refuse."""
    return str(settings.MODEL_CODE)


def environments_dir() -> Path:
    """Where models' own environments lie."""
    return Path(settings.MODEL_ENVIRONMENTS)


def index() -> list[str]:
    """Addresses of the package indexes that they are made from; ["off"]: they are not made."""
    return str(settings.MODEL_INDEX).split()
