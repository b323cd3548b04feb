"""Approval requests, stages, decisions and findings. Knows a subject (kind, name, digest), never a model."""
