"""From Placet's retraining hook to a pipeline: a relay for Airflow and GitHub Actions."""
