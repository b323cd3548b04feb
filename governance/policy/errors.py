"""Refusals of publication that depend on what stands in the database: people, and other policies in force."""

from governance.policy.problems import InvalidPolicy


class QuorumOutOfReach(InvalidPolicy):
    """A stage asks for more signatures than there are people who hold one of its roles."""

    title = "Too few people hold the stage's roles"


class PolicyOverlaps(InvalidPolicy):
    """A policy in force under another name governs some of the same, and this one does not supersede it."""

    title = "Another policy governs the same"
