"""The prevention line of Placet's gate: a plugin that runs inside the MLflow tracking server.

Nothing is imported here on purpose: MLflow loads this package in every client process.
"""
