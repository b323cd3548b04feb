"""Explain what a model says, by the family that it belongs to: trees, linear models, and everything else."""

from .job import explain

__all__ = ["explain"]
