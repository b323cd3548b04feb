"""What the gate protects and how strictly: one person proposes it, another signs; loosening it raises a finding."""

from collections.abc import Sequence

from django.db import connection, transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import InvalidInput, Unknown
from placet.mlflow_plugin.protection import fold, is_protected_alias
from placet.uris import OUTSIDE
from registry import protected
from registry.errors import ConfigurationOpen, ConfigurationSettled, NotYourConfiguration
from registry.findings import report
from registry.models import AliasHistory, GateConfiguration

Mode, Registry = GateConfiguration.Mode, GateConfiguration.Registry
PROPOSERS = (Role.ADMINISTRATOR, Role.RISK_OFFICER)
SIGNERS = (Role.RISK_OFFICER,)
MOST_PATTERNS = 100


@transaction.atomic
def propose(
    *,
    protected_aliases: Sequence[str],
    mode: str,
    registry: str,
    automatic_revert: bool,
    reason: str,
    person: User,
) -> GateConfiguration:
    """Write down what the gate is to protect; it counts once a second person has signed.

    Raises:
        NotYourConfiguration: the person is no administrator or risk officer of the whole deployment.
        ConfigurationOpen: another one waits for its second person.
        InvalidInput: a pattern or reason that is none, nothing changes, or what is live would lose its protection.
    """
    _lock()
    if person.is_service or not has_role(person, *PROPOSERS):
        raise NotYourConfiguration("An administrator or a risk officer of the whole deployment configures the gate.")
    waiting = proposed()
    if waiting:
        raise ConfigurationOpen(f"Sign or withdraw {waiting} first.")
    patterns = _patterns(protected_aliases)
    now = protected.in_force()
    wanted = protected.Protected(now.number, patterns, Mode(mode), Registry(registry), automatic_revert)
    if wanted == now:
        raise InvalidInput("That is what the gate does already.")
    if not 10 <= len(reason.strip()) <= 1000:
        raise InvalidInput("Say why, in 10 to 1,000 characters: a second person signs on it.")
    row = GateConfiguration(
        number=(GateConfiguration.objects.order_by("-number").values_list("number", flat=True).first() or 0) + 1,
        protected_aliases=list(patterns),
        mode=mode,
        registry=registry,
        automatic_revert=automatic_revert,
        loosens=loosens(now, wanted),
        reason=reason.strip(),
        proposed_by=person,
        proposed_at=clock.now(),
    )
    _append(Event.GATE_CONFIGURATION_PROPOSED, person, row)
    return row


@transaction.atomic
def sign(*, number: int, person: User, password: str) -> GateConfiguration:
    """Put a proposed configuration in force; MLflow's plugin has it within a quarter of a minute.

    Raises:
        Unknown: there is none of that number.
        ConfigurationSettled: it was signed or withdrawn.
        NotYourConfiguration: the person is no risk officer of the whole deployment, or proposed it.
        SignInAgain: the password is not the person's.
        InvalidInput: what is live meanwhile would lose its protection.
    """
    _lock()
    row = _open(number)
    if refusal := why_not(row, person):
        raise NotYourConfiguration(refusal)
    _keeps_what_is_live(row.protected_aliases)
    require_password(person, password)
    subjects = []
    before = GateConfiguration.objects.filter(signed_at__isnull=False, ended_at__isnull=True).first()
    row.signed_by, row.signed_at = person, clock.now()
    if before:
        before.ended_at = row.signed_at
        subjects = [before]
    _append(Event.GATE_CONFIGURATION_SIGNED, person, row, also=subjects)
    if row.loosens:
        title = f"The gate was loosened by configuration {row.number}, which two people signed; see that it was meant"
        report(code="gate-loosened", title=title, severity="high")
    return row


@transaction.atomic
def withdraw(*, number: int, person: User) -> GateConfiguration:
    """Take a proposed configuration back. Whoever may propose one may, as it only leaves things as they are.

    Raises:
        Unknown, ConfigurationSettled, NotYourConfiguration: as for signing.
    """
    _lock()
    row = _open(number)
    if person.is_service or not has_role(person, *PROPOSERS):
        raise NotYourConfiguration("An administrator or a risk officer withdraws a gate configuration.")
    row.ended_at = clock.now()
    _append(Event.GATE_CONFIGURATION_WITHDRAWN, person, row)
    return row


def proposed() -> GateConfiguration | None:
    """Return the configuration that waits for its second person."""
    rows = GateConfiguration.objects.filter(signed_at__isnull=True, ended_at__isnull=True)
    return rows.select_related("proposed_by").first()


def why_not(row: GateConfiguration, person: User) -> str:
    """Return why this person can't sign a configuration, an empty text if they can."""
    if person.is_service or not has_role(person, *SIGNERS):
        return "A risk officer of the whole deployment signs what the gate protects."
    return "You proposed it; another risk officer signs it." if person.pk == row.proposed_by_id else ""


def loosens(now: protected.Protected, wanted: protected.Protected) -> bool:
    """Return whether one configuration protects less than another, in any respect."""
    return (
        not all(_covered(pattern, wanted.protected_aliases) for pattern in now.protected_aliases)
        or protected.STRICTNESS.index(wanted.mode) < protected.STRICTNESS.index(now.mode)
        or (wanted.detect_only and not now.detect_only)
        or (now.automatic_revert and not wanted.automatic_revert)
    )


def _covered(pattern: str, wanted: Sequence[str]) -> bool:
    """Return whether whatever a pattern protects stays protected; of two shell patterns, as far as that is plain."""
    plain = not set("*?[") & set(pattern)
    return pattern in wanted or "*" in wanted or (plain and is_protected_alias(pattern, wanted))


def _patterns(given: Sequence[str]) -> tuple[str, ...]:
    """Return folded patterns, each once, in their order."""
    found = tuple(dict.fromkeys(filter(None, map(fold, given))))
    if not 0 < len(found) <= MOST_PATTERNS or any(len(pattern) > 255 or "," in pattern for pattern in found):
        raise InvalidInput(f"Name 1 to {MOST_PATTERNS} aliases or patterns such as prod-*, each without a comma.")
    _keeps_what_is_live(found)
    return found


def _keeps_what_is_live(patterns: Sequence[str]) -> None:
    live = AliasHistory.objects.filter(during__endswith__isnull=True).exclude(model__workspace=OUTSIDE)
    names = set(live.values_list("alias", flat=True))
    lost = sorted(alias for alias in names if not is_protected_alias(alias, patterns))
    if lost:
        raise InvalidInput(f"Something is live as {', '.join(lost)}; keep that protected, or take it off first.")


def _append(event: Event, person: User, row: GateConfiguration, *, also: Sequence[GateConfiguration] = ()) -> None:
    audit.append(
        event=event,
        actor=person,
        subjects=[*also, row],
        data={
            "configuration": row.number,
            "protected_aliases": row.protected_aliases,
            "mode": row.mode,
            "registry": row.registry,
            "automatic_revert": row.automatic_revert,
            "loosens": row.loosens,
            "proposed_by": row.proposed_by.actor_id,
        },
        payload={"reason": row.reason},
    )


def _open(number: int) -> GateConfiguration:
    row = GateConfiguration.objects.select_for_update(of=("self",)).select_related("proposed_by").filter(number=number)
    found = row.first()
    if found is None:
        raise Unknown(f"There is no gate configuration {number}.")
    if found.signed_at or found.ended_at:
        raise ConfigurationSettled(f"{found} was signed or withdrawn.")
    return found


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('placet gate configuration', 0))")


def history() -> list[GateConfiguration]:
    """Return every configuration that was signed, newest first."""
    rows = GateConfiguration.objects.filter(signed_at__isnull=False).select_related("proposed_by", "signed_by")
    return list(rows.order_by("-number"))
