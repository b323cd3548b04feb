"""How the records of a snapshot answer what is asked of it in use: policy, changes, and the system in use."""

from __future__ import annotations

from collections.abc import Callable

from reports.documents import drift_blocks, record_blocks, use_blocks
from reports.documents.content import Paragraph, Source
from reports.documents.record_answers import from_evidence, measured
from reports.documents.snapshot import Record, Snapshot, record_source
from reports.documents.translation import _


def release_policy(checks_under: str) -> Callable[[Snapshot], list[Paragraph]]:
    """Return an answer that names the policy under which the release was decided, as a risk control.

    Args:
        checks_under: number of the section of the same document that lists its checks.
    """

    def answer(snapshot: Snapshot) -> list[Paragraph]:
        policy = snapshot.part("policy")
        if not policy.get("name") or not policy.get("version"):
            return []
        text = _(
            "Release is bound to policy {name} version {version}; each of its checks stands under point {point}."
        ).format(name=policy["name"], version=policy["version"], point=checks_under)
        return [measured(text, policy, _("policy version"), at_key="published_at")]

    return answer


def changes(snapshot: Snapshot) -> list[Paragraph]:
    """Changes over the lifecycle, and what was in production when."""
    paragraphs = []
    if rows := snapshot.rows("history"):
        sources = tuple(record_source(row, _("log entry"), str(row.get("event") or _("Log entry"))) for row in rows)
        paragraphs.append(
            Paragraph(
                "measured", _("Changes recorded in the transparency log."), (record_blocks.history(rows),), sources
            )
        )
    if rows := snapshot.rows("alias_history"):
        sources = tuple(record_source(row, _("alias record"), _("Alias history"), at_key="from") for row in rows)
        text = _("Versions in production.")
        if found := snapshot.part("gate"):
            text, source = _gate(text, found)
            sources += (source,)
        paragraphs.append(Paragraph("measured", text, (record_blocks.alias_history(rows),), sources))
    return paragraphs


def _gate(text: str, found: Record) -> tuple[str, Source]:
    if found.get("kind") == "not-enforced":
        said = " " + _("Not enforced: no MLflow holds the model, so this is what people stated of its use.")
        return text + said, record_source(found, _("model version record"), _("Model version record"))
    said = " " + _(
        "Detected, not prevented: MLflow runs without Placet's plugin, so an alias can be moved past "
        "Placet; that is reported afterwards."
    )
    return text + said, record_source(found, _("gate configuration"), _("Gate configuration"))


def monitor(snapshot: Snapshot) -> list[Paragraph]:
    """How the system is monitored."""
    found = snapshot.part("monitoring").get("monitor") or {}
    settings = found.get("settings") or {}
    if not found.get("name"):
        return []
    facts = record_blocks.values(_("Monitor settings"), settings) if settings else None
    return [
        measured(
            _("The system in use is watched by the monitor {name}.").format(name=found["name"]),
            found,
            _("monitor"),
            facts,
            at_key="created_at",
        )
    ]


def monitored_windows(snapshot: Snapshot) -> list[Paragraph]:
    """The time as a canary, windows evaluated so far, the newest drift evidence, and alerts."""
    monitoring = snapshot.part("monitoring")
    paragraphs = []
    if row := snapshot.evidence("canary/v1"):
        served = bool(row["payload"]["spans"])
        text = (
            _("Before the request for its promotion the version served a share of the traffic.")
            if served
            else _("Before the request for its promotion the version served no traffic.")
        )
        paragraphs.append(from_evidence(text, row, (use_blocks.canary(row["payload"]),) if served else ()))
    if rows := monitoring.get("windows") or ():
        sources = tuple(
            record_source(row, _("drift run"), _("Drift run"), digest_key="payload_digest", at_key="end")
            for row in rows
        )
        paragraphs.append(Paragraph("measured", _("Windows evaluated so far."), (use_blocks.windows(rows),), sources))
    if row := snapshot.evidence("drift/v1"):
        paragraphs.append(from_evidence(_("The newest window in detail."), row, drift_blocks.drift(row["payload"])))
    if rows := monitoring.get("alerts") or ():
        sources = tuple(record_source(row, _("alert"), _("Alert"), at_key="opened_at") for row in rows)
        paragraphs.append(Paragraph("measured", _("Alerts and what they did."), (use_blocks.alerts(rows),), sources))
    return paragraphs


def declaration_of_conformity(snapshot: Snapshot) -> list[Paragraph]:
    """The signed declaration of conformity among the system's documents."""
    return attached(snapshot, "annex-v", _("The EU declaration of conformity is kept with this documentation."))


def instructions(snapshot: Snapshot) -> list[Paragraph]:
    """The instructions for use among the system's documents."""
    return attached(snapshot, "instructions", _("The instructions for use are kept with this documentation."))


def monitoring_plan(snapshot: Snapshot) -> list[Paragraph]:
    """The post-market monitoring plan among the system's documents."""
    return attached(snapshot, "art-72-plan", _("The post-market monitoring plan is part of this documentation."))


def attached(snapshot: Snapshot, kind: str, text: str) -> list[Paragraph]:
    """The newest document of a kind, named by its digest; of the kinds that people sign, the newest signed."""
    found = snapshot.document(kind)
    if not found:
        return []
    shown = {_("Document id"): str(found["id"]), _("SHA-256 of the file"): str(found["digest"])}
    if found.get("version"):
        shown[_("About model version")] = str(found["version"])
    facts = record_blocks.values(str(found["title"]), shown)
    return [measured(text, found, _("document"), facts, at_key="at")]
