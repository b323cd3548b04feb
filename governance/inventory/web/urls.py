"""Addresses of a system's record."""

from django.urls import path

from governance.inventory.web import record

urlpatterns = [
    path("systems/<uuid:pk>/record", record.system_record_page, name="system-record"),
    path("systems/<uuid:pk>/record/reuse", record.record_reuse, name="system-record-reuse"),
    path("systems/<uuid:pk>/record/sections/<slug:section>", record.record_answer, name="system-record-answer"),
    path("systems/<uuid:pk>/record/questions/<slug:question>", record.record_question, name="system-record-question"),
    path(
        "systems/<uuid:pk>/record/answers/<uuid:declaration>/review", record.record_review, name="system-record-review"
    ),
]
