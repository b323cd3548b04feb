"""A DAG of Airflow 3 that requests a promotion, waits until people have approved it, and has it applied.

The sensor gives its slot back between looks (``mode="reschedule"``), so an approval may take days. Airflow has no
issuer of its own that names a run: keep the service account's token in the secrets backend, as ``PLACET_TOKEN`` of the
worker, or let the platform give the worker a token as ``PLACET_OIDC_TOKEN``.
"""

import pendulum
from airflow.exceptions import AirflowFailException
from airflow.sdk import PokeReturnValue, dag, get_current_context, task

from placet.sdk import DECIDED, SETTLED, Placet

GOES_ON = {"approved", "renewed"}


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    params={"model": "credit-risk", "version": "3", "alias": "champion"},
)
def promote() -> None:
    """Request, wait for people, apply."""

    @task(retries=3)
    def request() -> str:
        """Open the request, once however often this is tried, and return its id."""
        context = get_current_context()
        asked = context["params"]
        with Placet() as placet:
            key = f"airflow:{context['run_id']}"[:128]
            return placet.request_promotion(asked["model"], asked["version"], asked["alias"], idempotency_key=key).id

    @task.sensor(mode="reschedule", poke_interval=300, timeout=14 * 24 * 3600)
    def approved(id: str) -> PokeReturnValue:
        """Look whether people have approved; a request that was turned down, or needs more work, fails for good."""
        with Placet() as placet:
            found = placet.promotion(id)
        state = str(found.approval.get("state") or "")
        if found.state in SETTLED or (state in DECIDED and state not in GOES_ON):
            raise AirflowFailException(f"The request is {state or found.state}: {found.url}")
        if found.stuck:
            raise AirflowFailException(f"Evidence could not be made; people have to look: {found.url}")
        return PokeReturnValue(is_done=state in GOES_ON, xcom_value=id)

    @task(retries=3)
    def apply(id: str) -> None:
        """Have the alias moved, and wait until it is."""
        with Placet() as placet:
            placet.apply(id, idempotency_key=f"airflow:apply:{id}")
            found = placet.wait(id, until="applied")
        if found.state != "applied":
            raise AirflowFailException(f"The alias is not moved: {found.state}, {found.url}")

    apply(approved(request()))


promote()
