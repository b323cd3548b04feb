"""What gunicorn reads by itself where it is started: its own lines in the form of all others."""

import os

if os.environ.get("PLACET_LOG_FORMAT", "").strip() == "json":
    logconfig_dict = {"formatters": {"generic": {"()": "governance.common.logs.JsonLines"}}}
