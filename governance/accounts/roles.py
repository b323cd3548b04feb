"""The roles that a person may hold, for the whole deployment or for one AI system."""

from django.db import models


class Role(models.TextChoices):
    """One word per duty; DESIGN.md, section 1, says what each comes for."""

    ENGINEER = "engineer", "Engineer"
    OWNER = "owner", "Model owner"
    VALIDATOR = "validator", "Validator"
    RISK_OFFICER = "risk_officer", "Risk officer"
    DATA_PROTECTION_OFFICER = "data_protection_officer", "Data protection officer"
    AUDITOR = "auditor", "Auditor"
    POLICY_AUTHOR = "policy_author", "Policy author"
    POLICY_PUBLISHER = "policy_publisher", "Policy publisher"
    ADMINISTRATOR = "administrator", "Administrator"


DECIDING = frozenset({Role.VALIDATOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER})

GRAVE = DECIDING | {Role.ADMINISTRATOR, Role.POLICY_PUBLISHER}
"""Roles that take two administrators to give."""

PERMISSIONS: dict[str, frozenset[str]] = {
    "accounts.read_people": frozenset({Role.ADMINISTRATOR, Role.AUDITOR}),
    "audit.read_log": frozenset({Role.AUDITOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER, Role.ADMINISTRATOR}),
    "audit.export_bundle": frozenset({Role.AUDITOR, Role.RISK_OFFICER, Role.ADMINISTRATOR}),
    "operations.read_health": frozenset({Role.AUDITOR, Role.RISK_OFFICER, Role.ADMINISTRATOR}),
    "audit.read_payload": frozenset({Role.AUDITOR, Role.RISK_OFFICER, Role.VALIDATOR, Role.DATA_PROTECTION_OFFICER}),
}
"""What a role opens in the layers below accounts, which ask by ``user.has_perm`` and know no roles."""
