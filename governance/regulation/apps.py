"""App configuration."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class RegulationConfig(AppConfig):
    """The dated legal register: its pages, its API and its commands. It has no models."""

    name = "governance.regulation"

    def ready(self) -> None:
        from governance.audit.events import Event
        from governance.regulation.crosswalk import crosswalk, use_packs
        from governance.regulation.packs import UnknownPack, files_of
        from governance.regulation.register import RegisterInvalid

        if not settings.CROSSWALK_PACKS:
            return
        try:
            use_packs(files_of(settings.CROSSWALK_PACKS))
            named = {kind for row in crosswalk().rows for kind in row.holds.log}
        except (OSError, UnknownPack, RegisterInvalid) as error:
            raise ImproperlyConfigured(f"PLACET_CROSSWALK_PACKS: {error}") from error
        if unknown := named - {str(event) for event in Event}:
            raise ImproperlyConfigured(
                f"PLACET_CROSSWALK_PACKS: the log has no entries of the kind {min(unknown)}; docs/reference/events.md "
                "lists the kinds."
            )
