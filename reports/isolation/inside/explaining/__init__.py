"""Explain what a model says, by the family that it belongs to: trees, linear models, and everything else."""

from .job import explain
from .record import explain_record

__all__ = ["explain", "explain_record"]
