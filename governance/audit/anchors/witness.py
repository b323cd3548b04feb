"""A witness (C2SP tlog-witness): cosigns the checkpoint if the log only grew since it last looked."""

import re
import time
from dataclasses import dataclass, field
from datetime import timedelta

from governance.audit.anchors.exchange import Reply, post
from governance.audit.anchors.sinks import Anchored, Published
from governance.audit.errors import AnchorUnavailable
from placet.cosignatures import Cosigner, verify_cosignature
from placet.verify import InvalidSignature
from placet.witness import encode_request

DEADLINE = timedelta(seconds=10)
CLOCK_TOLERANCE_S = 300

_WHAT_TO_DO = {
    400: "calls the request malformed; is the address that of a C2SP tlog-witness",
    403: "does not trust the key that signs this log: give its operator the present log key (vkey)",
    404: "does not know this log: give its operator the log's key (vkey), and check the address",
    422: "says that what it cosigned before is not the beginning of this log. Keep everything as it is, and compare an "
    "audit bundle with the checkpoint that the witness holds (docs/how-to/verify-the-log.md)",
    429: "is asked too often: write a longer ?every= for it",
}


@dataclass(frozen=True)
class Witness:
    """One witness, known by its key."""

    name: str
    url: str = field(repr=False)
    cosigner: Cosigner
    every: timedelta = timedelta(minutes=1)
    deadline: timedelta = DEADLINE

    def publish(self, checkpoint: Published) -> Anchored:
        """Ask for a cosignature; if the witness holds another size than we think, once more from the one it names."""
        reply = self._ask(checkpoint, checkpoint.previous_size)
        if reply.status == 409:
            reply = self._ask(checkpoint, self._size_it_holds(reply, checkpoint))
        if reply.status != 200:
            raise self._refused(reply)
        try:
            cosignature = verify_cosignature(checkpoint.note, reply.content.decode(errors="replace"), self.cosigner)
        except InvalidSignature as error:
            raise self._unavailable(
                f"answered without its valid signature. {error} Compare ?key= with the witness's"
            ) from None
        if cosignature.timestamp > time.time() + CLOCK_TOLERANCE_S:
            raise self._unavailable("signed a time that is yet to come; its clock or the notary's is wrong")
        return Anchored(f"{cosignature.name} at {cosignature.timestamp} {checkpoint.digest}", cosignature.line.encode())

    def _ask(self, checkpoint: Published, old_size: int) -> Reply:
        return post(
            f"{self.url.rstrip('/')}/add-checkpoint",
            content=encode_request(old_size, checkpoint.prove_from(old_size), checkpoint.note),
            headers={"Content-Type": "text/plain; charset=utf-8"},
            deadline=self.deadline,
            sink=self.name,
        )

    def _size_it_holds(self, reply: Reply, checkpoint: Published) -> int:
        said = reply.content.decode(errors="replace").removesuffix("\n")
        if not re.fullmatch(r"0|[1-9][0-9]{0,18}", said):
            raise self._unavailable(
                f"holds another checkpoint of {checkpoint.size} entries (it says: {reply.sentence})"
            )
        if int(said) > checkpoint.size:
            # Not LogInconsistent: nobody signed this number, and a witness must not be able to stop the log with it.
            raise self._unavailable(
                f"has cosigned {said} entries of this log, which has {checkpoint.size}. If so, entries were lost, "
                "or the key signs elsewhere (docs/how-to/back-up-and-restore.md)"
            )
        return int(said)

    def _refused(self, reply: Reply) -> AnchorUnavailable:
        if reply.status == 409:
            return self._unavailable(
                "changed its mind about the size that it holds; does another process use this log's key"
            )
        what = _WHAT_TO_DO.get(reply.status, "failed; its operator finds the reason in its log")
        return self._unavailable(f"answered {reply.status} ({reply.sentence}): it {what}")

    def _unavailable(self, what: str) -> AnchorUnavailable:
        return AnchorUnavailable(f"The witness {self.name} {what}.", sink=self.name)
