"""Take over an MLflow that exists: what was in production serves on as grandfathered, until a day, on two words.

One person proposes it, a risk officer signs it, with what MLflow has in that moment. From then on it is part of the
history of its alias, without an approval and said to be so. Nothing is taken off by itself when the day has passed.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from django.db import connection, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Exists, OuterRef, QuerySet

from governance.accounts.access import readable_systems
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.approvals.findings import open_finding, settle_findings
from governance.approvals.models import Finding
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.common import clock
from governance.common.errors import InvalidInput, Unknown
from registry.adoptable import Look, Row, Wanted, rows
from registry.errors import AdoptionOpen, AdoptionSettled, NothingToAdopt, NotYourAdoption
from registry.grandfathered import parted, said_of
from registry.models import AdoptedAlias, Adoption, AliasHistory

State = AdoptedAlias.State
PROPOSERS = (Role.ADMINISTRATOR, Role.RISK_OFFICER)
SIGNERS = (Role.RISK_OFFICER,)
LONGEST = timedelta(days=366)
ALARMS = ("unapproved-alias", "unapproved-stage")


def check_may_propose(person: User) -> None:
    """Check that a person may propose an adoption, or look what one would hold.

    Raises:
        NotYourAdoption: they are no administrator or risk officer of the whole deployment, or a service account.
    """
    if person.is_service or not has_role(person, *PROPOSERS):
        raise NotYourAdoption("An administrator or a risk officer of the whole deployment takes an MLflow over.")


@transaction.atomic
def propose(*, seen: Look, wanted: Wanted, deadline: date, reason: str, person: User) -> Adoption:
    """Write down what is to serve on without an approval until a day; it counts once a second person has signed.

    What can't be adopted as it is stays out, and stays a finding.

    Args:
        seen: what MLflow has in production, as :func:`registry.adoptable.look` read it.

    Raises:
        NotYourAdoption: as :func:`check_may_propose` says.
        AdoptionOpen: another one waits for its second person.
        InvalidInput: a day, a reason, an owner or a system that is none.
        NothingToAdopt: nothing of it can be adopted.
    """
    check_may_propose(person)
    _lock()
    if waiting := proposed():
        raise AdoptionOpen(f"Sign or withdraw {waiting} first.")
    now = clock.now()
    if not now.date() < deadline <= now.date() + LONGEST:
        raise InvalidInput(
            f"The deadline is a day from {clock.day(now + timedelta(days=1))} to {clock.day(now + LONGEST)}."
        )
    if not 10 <= len(reason.strip()) <= 1000:
        raise InvalidInput("Say why, in 10 to 1,000 characters: a second person signs on it.")
    found = [row for row in rows(seen, wanted) if not row.problem]
    if not found:
        raise NothingToAdopt("Nothing is in production in MLflow that could be adopted so; a dry run says why.")
    adoption = Adoption(
        number=(Adoption.objects.order_by("-number").values_list("number", flat=True).first() or 0) + 1,
        deadline=deadline,
        only=list(wanted.only),
        reason=reason.strip(),
        proposed_by=person,
        proposed_at=now,
    )
    held = [_proposed_row(adoption, row) for row in found]
    _append(Event.ADOPTION_PROPOSED, person, adoption, [[row] for row in held], reason=adoption.reason)
    return adoption


def _proposed_row(adoption: Adoption, row: Row) -> AdoptedAlias:
    return AdoptedAlias(
        adoption=adoption,
        model=row.model,
        alias=row.place.alias,
        stage=row.place.stage,
        version=row.version,
        digest=row.digest,
        system=row.system,
        owner=row.owner,
    )


@transaction.atomic
def sign(*, number: int, seen: Look, person: User, password: str) -> Adoption:
    """Adopt, at once, what is still as it was proposed; name what is not, and leave it out.

    Each alias gets its history from the moment in which it was seen, no earlier. The people who answer get one finding
    for each AI system; the alarms that the reconciler raised before are closed.

    Args:
        seen: what MLflow has now.
        password: typed for it in a browser.

    Raises:
        Unknown, AdoptionSettled: there is none of that number that waits.
        NotYourAdoption: the person is no risk officer of the whole deployment, or proposed it.
        SignInAgain: the password is not the person's.
        NothingToAdopt: nothing of it is as it was proposed, or its day has passed.
    """
    _lock()
    adoption = _open(number)
    if refusal := why_not(adoption, person):
        raise NotYourAdoption(refusal)
    if adoption.deadline <= clock.now().date():
        raise NothingToAdopt(f"{adoption} was until {clock.day(adoption.deadline)}; withdraw it and propose it anew.")
    require_password(person, password)
    held = rows_of(adoption)
    skipped = changes(held, seen) | _in_motion(held)
    kept = [row for row in held if row.pk not in skipped]
    if not kept:
        raise NothingToAdopt(f"Nothing of {adoption} is as it was proposed; withdraw it and propose it anew.")
    adoption.signed_by, adoption.signed_at = person, clock.now()
    for row in held:
        row.state, row.state_reason = (State.SKIPPED, skipped[row.pk]) if row.pk in skipped else (State.ADOPTED, "")
    _give_findings(adoption, kept, person)
    subjects = [[row, *_begun(adoption, row, seen)] for row in held]
    _append(Event.ADOPTION_SIGNED, person, adoption, subjects)
    settle_findings(_alarms(kept), actor=person, how=f"{adoption} adopted it as it was found.")
    return adoption


def _begun(adoption: Adoption, row: AdoptedAlias, seen: Look) -> Iterator[AliasHistory]:
    """Begin the history of an alias that was adopted. A stage has none: several versions of a model can have it."""
    if row.alias and row.state == State.ADOPTED:
        yield AliasHistory(
            model=row.model,
            alias=row.alias,
            version=row.version,
            during=DateTimeTZRange(seen.at, None, "[)"),
            adoption=adoption,
        )


def _give_findings(adoption: Adoption, kept: Sequence[AdoptedAlias], person: User) -> None:
    """Open one finding for each AI system and person who answers, due on the deadline, and let each row point to it."""
    groups: dict[tuple[str, str], list[AdoptedAlias]] = {}
    for row in kept:
        groups.setdefault((str(row.system_id or ""), str(row.owner_id)), []).append(row)
    for place, (_, own) in enumerate(sorted(groups.items()), 1):
        count = len({row.model_id for row in own})
        models = "grandfathered model needs" if count == 1 else "grandfathered models need"
        finding = open_finding(
            system=own[0].system,
            code="grandfathered",
            title=f"{adoption}.{place}: {count} {models} an approval until {adoption.deadline.isoformat()}",
            severity=Finding.Severity.HIGH,
            source="adoption",
            actor=person,
            owner=own[0].owner,
            description="\n".join(str(row) for row in own)[:4000],
            due_on=adoption.deadline,
        )
        for row in own:
            row.finding = finding


def _alarms(kept: Sequence[AdoptedAlias]) -> list[Finding]:
    """Return the open findings that say of what is adopted now that nobody approved it."""
    meant = [f"MLflow has {row.model} version {row.version.number} " for row in kept]
    alarms = Finding.objects.filter(code__in=ALARMS, closed_at__isnull=True)
    return [finding for finding in alarms if any(words in finding.title for words in meant)]


def changes(held: Sequence[AdoptedAlias], seen: Look) -> dict[object, str]:
    """Return what is not as it was proposed, by row, each in a sentence."""
    there = {place.key: place for place in seen.places}
    taken = _taken(held, seen)
    said: dict[object, str] = {}
    for row in held:
        number = row.version.number
        place = there.get((str(row.model), row.alias, f"{row.stage}/{number}" if row.stage else ""))
        if row.pk in taken:
            said[row.pk] = "Placet has moved it since it was proposed."
        elif place is None:
            said[row.pk] = f"MLflow has no {row.alias or row.stage} there any more."
        elif place.problem:
            said[row.pk] = place.problem
        elif place.number != number:
            said[row.pk] = f"MLflow has version {place.number} there now; version {number} was proposed."
        elif place.created_at_ms != row.version.mlflow_created_at_ms:
            said[row.pk] = f"MLflow has another version {number} now; the proposed one was deleted there."
        elif row.version.artifact_digest != row.digest and row.digest:
            said[row.pk] = "Its bytes were digested anew since it was proposed."
    return said


def _taken(held: Sequence[AdoptedAlias], seen: Look) -> set[object]:
    """Return the rows whose alias Placet has put on something, or took off, since MLflow was read."""
    since = DateTimeTZRange(seen.at, None, "[)")
    spans = AliasHistory.objects.filter(model=OuterRef("model"), alias=OuterRef("alias"), during__overlap=since)
    wanted = AdoptedAlias.objects.filter(pk__in=[row.pk for row in held])
    return set(wanted.filter(Exists(spans)).values_list("pk", flat=True))


def _in_motion(held: Sequence[AdoptedAlias]) -> dict[object, str]:
    """Return the rows whose alias a worker writes now; the others are nobody else's until the transaction ends."""
    names = [f"placet alias {row.model.workspace}/{row.model.name}@{row.alias}" for row in held if row.alias]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) name WHERE NOT pg_try_advisory_xact_lock(hashtextextended(name, 0))",
            [names],
        )
        busy = {name for (name,) in cursor.fetchall()}
    return {
        row.pk: "Placet is moving it in this moment."
        for row in held
        if f"placet alias {row.model.workspace}/{row.model.name}@{row.alias}" in busy
    }


@transaction.atomic
def withdraw(*, number: int, person: User) -> Adoption:
    """Take a proposal back. Whoever may propose one may, as it only leaves things as they are.

    Raises:
        Unknown, AdoptionSettled, NotYourAdoption: as for signing.
    """
    _lock()
    adoption = _open(number)
    check_may_propose(person)
    adoption.withdrawn_at = clock.now()
    _append(Event.ADOPTION_WITHDRAWN, person, adoption, [])
    return adoption


def proposed() -> Adoption | None:
    """Return the adoption that waits for its second person."""
    return Adoption.objects.filter(signed_at__isnull=True, withdrawn_at__isnull=True).first()


def why_not(adoption: Adoption, person: User) -> str:
    """Return why this person can't sign an adoption, an empty text if they can."""
    if person.is_service or not has_role(person, *SIGNERS):
        return "A risk officer of the whole deployment signs what serves on without an approval."
    return "You proposed it; another risk officer signs it." if person.pk == adoption.proposed_by_id else ""


def adoptions_for(user: User) -> QuerySet[Adoption]:
    """Return the adoptions, for whoever reads everything; they are of the whole deployment."""
    found = Adoption.objects.select_related("proposed_by", "signed_by").order_by("-number")
    return found if readable_systems(user).everything else found.none()


def adoption_for(user: User, number: int) -> Adoption:
    """Return one adoption, as a person asks for it.

    Raises:
        Unknown: there is none of that number, or the person may not read it.
    """
    found = adoptions_for(user).filter(number=number).first()
    if found is None:
        raise Unknown(f"There is no adoption {number}.")
    return found


def rows_of(adoption: Adoption) -> list[AdoptedAlias]:
    """Return what an adoption holds, by model."""
    found = adoption.rows.select_related("model", "version__model", "system", "owner", "finding")
    return list(found.order_by("model__workspace", "model__name", "alias", "version__number"))


def _append(
    event: Event, actor: Actor, adoption: Adoption, held: Sequence[Sequence[Governed]], *, reason: str = ""
) -> None:
    """Write as many entries as the rows need; the first names the adoption."""
    common = {"adoption": adoption.number, "deadline": adoption.deadline, "rows_in_all": len(held)}
    for place, some in enumerate(parted(held) or [()]):
        listed = [row[0] for row in some if isinstance(row[0], AdoptedAlias)]
        data = {
            **common,
            "rows": [{**said_of(row), "state": row.state, "owner": row.owner.actor_id} for row in listed],
        }
        subjects = (
            [adoption, *(thing for row in some for thing in row)]
            if place == 0
            else [thing for row in some for thing in row]
        )
        payload = {"reason": reason} if reason and place == 0 else None
        audit.append(event=event, actor=actor, subjects=subjects, data=data, payload=payload)


def _open(number: int) -> Adoption:
    found = Adoption.objects.select_for_update(of=("self",)).select_related("proposed_by").filter(number=number).first()
    if found is None:
        raise Unknown(f"There is no adoption {number}.")
    if found.signed_at or found.withdrawn_at:
        raise AdoptionSettled(f"{found} was signed or withdrawn.")
    return found


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('placet adoption', 0))")
