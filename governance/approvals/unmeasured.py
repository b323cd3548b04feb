"""Requests of which nothing is measured: people's words decide them, and neither evidence nor findings hold them."""

from governance.policy.document import PolicyDocument
from governance.policy.evaluate import Ruling, Verdict

WAIVER = "waiver"
STANDING = "standing-approval"
KINDS = {
    WAIVER: "Nothing is measured here: people decide whether the failed check may stand.",
    STANDING: "Nothing is measured here: people decide what a retrained version may be without new signatures.",
}


def verdict_of(kind: str, document: PolicyDocument) -> Verdict:
    """Return the verdict of such a request, which leaves everything to those who sign."""
    return Verdict(Ruling.ALLOW, (), KINDS[kind], document.name, document.digest)
