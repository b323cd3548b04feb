"""Why a model could not be run. The message says what to do."""


class ModelRefused(Exception):
    """Static inspection found something in the model's files that Placet does not load."""


class ModelFailed(Exception):
    """The isolated process ended without usable numbers: it crashed, ran out of time or memory, or answered wrongly."""


class EnvironmentMismatch(ModelFailed):
    """Versions that matter differ from the installed ones, and the model's own environment can't be had.

    The message begins with ``environment_mismatch:`` and names each version that differs.
    """

    def __init__(self, differences: str, why: str) -> None:
        super().__init__(f"environment_mismatch: {differences}. {why}")


class ModelObjected(ModelFailed):
    """The model answered one question with an error of its own; the process that holds it waits for the next one."""
