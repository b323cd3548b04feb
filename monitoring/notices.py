"""Who is told of an alert: the owner, the risk officers and the engineers of its AI system."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.urls import reverse

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import people_with
from governance.audit.events import Event
from governance.notices.gathering import answering
from governance.notices.kinds import Kind
from governance.notices.rules import About, Fact, Told, each
from governance.notices.topics import Topic
from monitoring import selectors
from monitoring.models import Alert

ALERT = "alert"
WAITS = "alert.waits"
PATIENCE = timedelta(days=3)
"""How long nobody need take an alert in hand before people are told again, and how long between two such notices."""
BREACH = "A breach was found in the records of a model that is watched"
WATCH = "The records of a model are to be watched"
UNHEARD = "Nobody took the call for a new training"
UNSEEN = "An alert waits for somebody to take it in hand"


def about_alert(alert: Alert) -> About:
    """Return an alert with those who answer for its AI system."""
    system = alert.monitor.model.system
    key = system.pk if system else None
    return About(
        title=f"{alert}, {alert.version} behind {alert.monitor.alias}",
        path=reverse("alert-detail", args=[alert.pk]),
        key=str(alert.pk),
        read=(ALERT, alert.pk),
        state=alert.severity,
        people={
            "owner": answering(system.owner) if system else (),
            "officers": [person.pk for person in people_with([Role.RISK_OFFICER], system_id=key)],
            "engineers": [person.pk for person in people_with([Role.ENGINEER], system_id=key)],
        },
    )


def due(now: datetime) -> Iterator[Fact]:
    """Yield the alerts that nobody took in hand, once for every three days; a muted one is quiet."""
    for alert in _alerts().filter(
        Q(muted_until__isnull=True) | Q(muted_until__lte=now), state=Alert.State.OPEN, opened_at__lte=now - PATIENCE
    ):
        live = selectors.live_now(alert.monitor)
        if live is None or live.version_id != alert.version_id:
            continue  # what serves no longer calls for nobody
        since = max(at for at in (alert.opened_at, alert.breached_at, alert.muted_until) if at)
        if (turns := (now - since) // PATIENCE) > 0:
            yield Fact(WAITS, f"waits:{alert.pk}:{since.date()}:{turns}", about_alert(alert))


def _opened(fact: Fact) -> Iterator[Told]:
    breach = fact.data.get("severity") == Alert.Severity.BREACH
    if fact.event == Event.ALERT_CHANGED and fact.data.get("change") != "breached":
        return
    words = BREACH if breach else WATCH
    for part in ("owner", "officers", "engineers") if breach else ("owner", "engineers"):
        yield from each(fact, part, Kind.ALERT, words, f"{words}: {fact.about.title}")


def _called(fact: Fact) -> Iterator[Told]:
    if fact.data.get("state") == "given_up":
        for part in ("owner", "engineers"):
            yield from each(fact, part, Kind.ALERT, UNHEARD, f"{UNHEARD}: {fact.about.title}")


def _waits(fact: Fact) -> Iterator[Told]:
    for part in ("owner", "officers") if fact.about.state == Alert.Severity.BREACH else ("owner",):
        yield from each(fact, part, Kind.ALERT, UNSEEN, f"{UNSEEN}: {fact.about.title}")


def _about(data: Mapping[str, Any]) -> About | None:
    alert = _alerts().filter(pk=data["alert"]).first()
    return about_alert(alert) if alert else None


def _may_read(person: User, key: uuid.UUID) -> bool:
    alert = Alert.objects.select_related("monitor__model").filter(pk=key).first()
    return alert is not None and may_read(person, alert.monitor.model.system_id)


def _alerts() -> Any:
    return Alert.objects.select_related("monitor__model__system__owner", "version__model")


TOPIC = Topic(
    name=ALERT,
    about=_about,
    rules={
        Event.ALERT_OPENED: (_opened,),
        Event.ALERT_CHANGED: (_opened,),
        Event.RETRAIN_CALLED: (_called,),
        WAITS: (_waits,),
    },
    may_read=_may_read,
    due=due,
)
