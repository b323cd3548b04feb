"""One alias and the verified model that answers for it: loaded, watched, swapped when a new one verifies."""

import logging
import threading
from dataclasses import dataclass, field
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException

from placet.loader import LoadedModel, Refused, check_standing, load_verified
from placet.uris import split_alias

log = logging.getLogger("serving")


class NotServing(Exception):
    """No model may answer; the message says why."""


@dataclass
class Slot:
    """What answers for ``uri``. ``note`` says what is not as it should be, in a sentence; empty when all is well.

    A model is swapped whole, by one assignment, so a request is answered by the old one or the new one.
    """

    uri: str
    loaded: LoadedModel | None = None
    note: str = "Nothing is loaded yet."
    revoked: bool = False
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> None:
        """Look once: may the loaded model still answer, and is there another behind the alias? Never raises."""
        note = self._still_allowed()
        try:
            if self._moved():
                self.load()
                return
        except (Refused, MlflowException, OSError) as error:
            note = (str(error) or type(error).__name__).splitlines()[0]
        except Exception as error:  # noqa: BLE001  # a model that verifies and does not load must not end the watching
            note = f"The model behind {self.uri} can't be loaded: {type(error).__name__}"
        self._say(note)

    def load(self) -> LoadedModel:
        """Verify what the alias points to, load that copy and answer with it from now on.

        Raises:
            Refused: it is not to be loaded; what answered before answers on.
        """
        with self._busy:
            loaded = load_verified(
                self.uri
            )  # permit, standing and bytes; one verification, and what it covers is loaded
            self.loaded, self.revoked = loaded, False
        verified = loaded.verified
        self._say(f"Its approval is {verified.status}." if verified.status != "valid" else "")
        log.warning("%s is version %s now, %s", self.uri, verified.version, verified.artifact_digest)
        return loaded

    def answer(self, rows: list[dict[str, Any]]) -> tuple[LoadedModel, list[float]]:
        """Return the probability of default for each row, and the very model that gave it.

        Raises:
            NotServing: none is loaded, or its approval was revoked.
        """
        loaded = self.loaded
        if loaded is None or self.revoked:
            raise NotServing(self.note)
        pipeline = loaded.model.get_raw_model()
        column = list(pipeline.classes_).index("bad")
        return loaded, [float(p) for p in pipeline.predict_proba(pd.DataFrame(rows))[:, column]]

    def health(self) -> dict[str, Any]:
        """Return what is loaded, whether it answers, and what is wrong."""
        verified = self.loaded.verified if self.loaded else None
        return {
            "uri": self.uri,
            "serving": verified is not None and not self.revoked,
            "version": verified.version if verified else "none",
            "digest": verified.artifact_digest if verified else None,
            "decision_threshold": str(verified.decision_threshold) if verified else "none",
            "verified_offline": verified.offline if verified else None,
            "note": self.note,
        }

    def _still_allowed(self) -> str:
        """Return what Placet says of the loaded model. A revoked one stops answering; others go on, with a note."""
        if self.loaded is None:
            return ""
        try:
            status = check_standing(self.loaded.verified)
        except Refused as refused:
            self.revoked = self.revoked or refused.status == "revoked"
            return refused.reason
        return "" if status == "valid" else f"Its approval is {status}."

    def _moved(self) -> bool:
        if self.loaded is None or self.revoked:
            return True
        model, alias = split_alias(self.uri)
        now = mlflow.MlflowClient().get_model_version_by_alias(model, alias)
        permit = self.loaded.verified.permit
        return (str(now.version), int(now.creation_timestamp)) != (permit.version, permit.created_at_ms)

    def _say(self, note: str) -> None:
        if note and note != self.note:
            log.warning("%s: %s", self.uri, note)
        self.note = note
