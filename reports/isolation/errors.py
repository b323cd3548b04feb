"""Why a model could not be run. The message says what to do."""


class ModelRefused(Exception):
    """Static inspection found something in the model's files that Placet does not load."""


class ModelFailed(Exception):
    """The isolated process ended without usable numbers: it crashed, ran out of time or memory, or answered wrongly."""
