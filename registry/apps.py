"""App configuration."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Models, versions, promotions and the gate."""

    name = "registry"

    def ready(self) -> None:
        from governance.accounts import holds
        from governance.approvals import unmeasured, waived, waivers
        from governance.approvals.kinds import register_subject_kind
        from governance.audit.health import register_sign
        from governance.audit.notary import register_duty
        from governance.evidence.reproducing import register_data_check
        from governance.inventory.mirrored import register_mirror
        from governance.inventory.tested import register_tested
        from governance.validation.calendar import register_live
        from registry import (
            datasets,
            following,
            hardening,
            permits,
            promotions,
            revocations,
            selectors,
            signatures,
            standby,
            standing,
            tested,
        )
        from registry.assigned import RegistryMirror
        from registry.reviewing import presenting

        register_subject_kind(
            promotions.KIND,
            following.on_state_change,
            presenting.present,
            find=presenting.find,
            ready=presenting.ready,
        )
        register_subject_kind(waived.KIND, waivers.on_state_change, presenting.present_waivers)
        register_subject_kind(unmeasured.STANDING, standing.on_state_change, presenting.present_standing_approvals)
        register_mirror(RegistryMirror())
        register_tested(tested.evidence_about)
        register_live(selectors.live_approvals)
        register_duty(permits.issue_due)
        register_duty(standby.Duty())
        register_duty(revocations.sign_due)
        register_duty(signatures.sign_due)
        register_sign(hardening.sign)
        register_data_check(datasets.data_gone)
        holds.register_kind(holds.Kind.DATASET, datasets.found)
