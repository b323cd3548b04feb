"""Our tables that are not governed, each with its reason. A test holds every model against this list."""

EXEMPT: dict[str, str] = {
    "audit.Entry": "The log itself: denied by its own triggers.",
    "audit.Origin": "The log's name, kept by its own triggers.",
    "audit.Search": "What the pages find an entry by; derived from the entries.",
    "audit.Subject": "The log itself, derived from an entry's bytes by a trigger.",
    "audit.Payload": "The erasable part of an entry; the entry commits to it.",
    "audit.Leaf": "The log itself: where the notary put an entry.",
    "audit.Node": "The log itself: hashes that follow from the leaves.",
    "audit.Checkpoint": "The log itself: what the notary signed.",
    "audit.Anchor": "Says where a copy of a checkpoint went; the copy is what counts.",
    "audit.AnchorSink": "How the notary's publications go at present; a success is an anchor, a failure is passing.",
    "accounts.User": "Name, address and password are personal and change; what gives power is a governed Grant.",
    "accounts.Token": "A hash with scopes and an end; making one is logged, and it can request, never decide.",
    "accounts.IdempotentAnswer": "A cache of answers already given.",
    "approvals.RequestIndex": "What lists find a request by; derived by triggers from it and its decisions.",
    "approvals.SavedView": "A person's own bookmark of the inbox; it opens nothing that they could not read.",
    "evidence.EvidenceJob": "A queue: the evidence that a job makes is governed.",
    "approvals.PolicyReplay": "A queue and what came out of it; `policy.replayed` names the outcome by its digest.",
    "registry.RegistrationNotice": "What MLflow's plugin reported, before it is believed; the version is governed.",
    "monitoring.RecordBatch": "Bulk traffic; a drift run names the digest of the batches that it read.",
    "monitoring.ReferenceProfile": "Computed from a dataset snapshot, and again whenever it is lost.",
    "monitoring.WindowProfile": "Computed from record batches, and again whenever it is lost.",
    "reports.DocumentJob": "A queue: the document that a job builds is governed.",
}
"""Model label -> why a change of it needs no log entry."""
