"""Models, versions and the gate: the MLflow side of Placet."""
