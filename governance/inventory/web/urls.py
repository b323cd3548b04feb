"""Addresses of a system's record, risk file and correspondence."""

from django.urls import path

from governance.inventory.web import classification, correspondence, modifying, record, registration, risks

urlpatterns = [
    path("systems/new", registration.system_new, name="system-new"),
    path("systems/<uuid:pk>/retire", registration.system_retire, name="system-retire"),
    path("systems/<uuid:pk>/classification", classification.classify, name="system-classify"),
    path("systems/<uuid:pk>/modifications/new", modifying.modification_new, name="modification-new"),
    path("systems/<uuid:pk>/record", record.system_record_page, name="system-record"),
    path("systems/<uuid:pk>/record/reuse", record.record_reuse, name="system-record-reuse"),
    path("systems/<uuid:pk>/record/sections/<slug:section>", record.record_answer, name="system-record-answer"),
    path("systems/<uuid:pk>/record/questions/<slug:question>", record.record_question, name="system-record-question"),
    path(
        "systems/<uuid:pk>/record/answers/<uuid:declaration>/review", record.record_review, name="system-record-review"
    ),
    path("systems/<uuid:pk>/risks", risks.risk_list, name="risk-list"),
    path("systems/<uuid:pk>/risks/new", risks.risk_new, name="risk-new"),
    path("systems/<uuid:pk>/risks/<uuid:risk>", risks.risk_detail, name="risk-detail"),
    path("systems/<uuid:pk>/risks/<uuid:risk>/change", risks.risk_change, name="risk-change"),
    path("systems/<uuid:pk>/risks/<uuid:risk>/accept", risks.risk_accept, name="risk-accept"),
    path("systems/<uuid:pk>/risks/<uuid:risk>/close", risks.risk_close, name="risk-close"),
    path("systems/<uuid:pk>/correspondence", correspondence.correspondence_list, name="correspondence-list"),
    path("systems/<uuid:pk>/correspondence/new", correspondence.correspondence_new, name="correspondence-new"),
    path(
        "systems/<uuid:pk>/correspondence/<uuid:correspondence>",
        correspondence.correspondence_detail,
        name="correspondence-detail",
    ),
    path(
        "systems/<uuid:pk>/correspondence/<uuid:correspondence>/answer",
        correspondence.correspondence_answer,
        name="correspondence-answer",
    ),
    path(
        "systems/<uuid:pk>/correspondence/<uuid:correspondence>/send",
        correspondence.correspondence_send,
        name="correspondence-send",
    ),
    path(
        "systems/<uuid:pk>/correspondence/<uuid:correspondence>/withdraw",
        correspondence.correspondence_withdraw,
        name="correspondence-withdraw",
    ),
    path(
        "systems/<uuid:pk>/correspondence/<uuid:correspondence>/erase",
        correspondence.correspondence_erase,
        name="correspondence-erase",
    ),
]
