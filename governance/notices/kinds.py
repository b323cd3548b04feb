"""The kinds of notice: what a person can turn off, and what they cannot."""

from django.db import models


class Kind(models.TextChoices):
    """What a notice is about, as a person's settings list it."""

    DECISION = "decision", "Your decision is asked for"
    SECURITY = "security", "Security of your account"
    REQUEST = "request", "What became of your requests"
    SYSTEM = "system", "AI systems that you own"
    FINDING = "finding", "Findings that you own"
    CORRESPONDENCE = "correspondence", "Notices and requests that are due"
    ALERT = "alert", "Alerts of models that you answer for"
    INCIDENT = "incident", "Serious incidents"
    ESCALATION = "escalation", "Requests escalated to you"
    MENTION = "mention", "Comments that mention you"
    DELEGATION = "delegation", "Delegations that you give or receive"
    TOKEN = "token", "Tokens that you answer for"
    DOCUMENT = "document", "Documents whose time-stamp ends"
    RETENTION = "retention", "Records that are past their last day"
    TEST = "test", "Test messages"


MANDATORY = frozenset({Kind.DECISION, Kind.INCIDENT, Kind.SECURITY, Kind.TEST})
"""What nobody turns off: others wait for it, the law's clock runs, or somebody else may act in a person's name."""

AT_ONCE = frozenset({Kind.INCIDENT, Kind.SECURITY, Kind.TEST})
"""What no digest holds back, and what goes by e-mail whatever else a person chose."""

EXPLAINED = {
    Kind.DECISION: "A request, a role, a passkey, a review or a validation waits for you. Others wait with it.",
    Kind.SECURITY: "A passkey, a second factor, a token or a role of yours changed. Always at once, also by e-mail.",
    Kind.REQUEST: "Signed, approved, changes requested, rejected, expired, suspended, revoked; waivers too.",
    Kind.SYSTEM: "An approval is suspended or revoked, or ends within 14 days; a validation is due; a review is late; "
    "a system was modified.",
    Kind.FINDING: "Opened, handed over to you, given more time, due within 7 days, overdue, closed.",
    Kind.CORRESPONDENCE: "Of systems that you own or are data protection officer of: due within 7 days, overdue.",
    Kind.ALERT: "Opened, become a breach, taken in hand by nobody for 3 days; nobody took the call for a new training.",
    Kind.INCIDENT: "Opened, to be reported, due soon, overdue; tasks of yours. Always at once, also by e-mail.",
    Kind.ESCALATION: "Nobody decided in the time that the policy allows. You are told, and sign no more than before.",
    Kind.MENTION: "Somebody wrote your name in a comment.",
    Kind.DELEGATION: "Made, confirmed, ended.",
    Kind.DOCUMENT: "To auditors and administrators: a time-stamp ends within 60 days and was not renewed.",
    Kind.RETENTION: "To risk and data protection officers: records of an AI system need not be kept any more.",
    Kind.TOKEN: "Yours, or of a service account that you sponsor: it expires within 14 days.",
}
