"""The demo's eight steps. Each says what it does, checks that it came out so, and stops the demo if not."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.text import Text

from examples.credit import drifting, policy, watching
from examples.credit.people import Machine, Person, Refused
from examples.credit.receiver import Receiver
from examples.credit.stage import Stage, columns
from governance.common.embedded import Stack
from governance.policy import shipped

MODEL, SYSTEM = "credit-risk", "consumer-credit"
KINDS = {
    f"{name}/v1" for name in ("performance", "calibration", "fairness", "explanation", "robustness", "data_quality")
}
REASON = {
    "review": "With 91 women in 300 rows the interval of the selection-rate ratio spans the limit; the point value "
    "lies above it and the equal-opportunity check passes. Re-measure with the next 1,000 decisions.",
    "validate": "Methodology, evidence and the reviewed fairness check are sound for the intended purpose and volume.",
    "approve": "Performance is no worse than the version in production on the same rows; residual risk is accepted.",
}
ANSWERS = {
    "is_ai_system": "yes",
    "operator_roles": ["provider", "deployer"],
    "union_link": "yes",
    "scope_exclusion": "none",
    "prohibited_practices": ["none"],
    "annex_i_position": "none",
    "annex_iii_uses": ["Annex III.5.b"],
    "fraud_detection_only": "no",
    "profiling": "yes",
    "transparency_cases": ["none"],
    "general_purpose_model": "no",
    "built_on_general_purpose_model": "no",
}
# What the owner of the demo's system declares, by question of its record. What a bank would have and the demo has not
# (standards, the declaration of conformity, a monitoring plan) stays undeclared: the document lists it as missing.
DECLARED = {
    "provider-name": "Example Bank (demonstration, no real bank)",
    "interaction": "A service loads the model from MLflow after it has verified the permit and the bytes, and "
    "answers over HTTP with one probability per application. It uses no other AI system.",
    "version-updates": "A new version is registered in MLflow and put into use by a promotion request only; the "
    "service then verifies and loads it anew. The software that a version was measured with is recorded with its "
    "evidence.",
    "release-forms": "Put into service inside the bank only, as a prediction service behind the loan desk; not placed "
    "on the market.",
    "hardware": "An ordinary server with processors only; no accelerator is used for training or for scoring.",
    "user-interface": "None of its own: the probability is shown to the credit officer in the loan desk's own form.",
    "development-methods": "A scikit-learn pipeline: standardised numbers, one-hot categories, then logistic "
    "regression (version 1) or gradient-boosted trees (version 2). No pre-trained model and no third-party model is "
    "used.",
    "design-rationale": "Both models minimise log loss, because the probability itself is used. An application "
    "is declined at a probability of 0.3, the share of bad credits among the training rows. Attributes that state "
    "sex, marital status, age or origin are no features; indirect effects can remain and are measured by group.",
    "architecture": "One scikit-learn pipeline in one process, stored as an MLflow model; the prediction "
    "service holds no state beside the loaded model.",
    "compute": "Training on 700 rows takes seconds on one processor.",
    "data-provenance": "Statlog (German Credit Data), Hofmann 1994, UCI Machine Learning Repository, "
    "doi:10.24432/C5NC77, CC BY 4.0: 1,000 applications, 700 for training and 300 for evaluation, stratified by the "
    "label. The labels are those of the data set. Sex is derived from the attribute that mixes it with marital "
    "status. No row was removed or corrected.",
    "oversight-assessment": "The model advises; a credit officer decides, confirms every refusal and may overrule "
    "the score.",
    "predetermined-changes": "None: every new version passes the whole approval.",
    "cybersecurity": "Sign-in and roles in MLflow, a gate that refuses unapproved versions, models scored in "
    "a process of their own without network, and a transparency log whose checkpoints are kept outside the database.",
    "unintended-outcomes": "The rows are applications of the 1970s in Deutsche Mark from one bank: not fit for "
    "other products, markets or times. Groups of few applicants are judged with little certainty; the evidence prints "
    "each group's size.",
    "oversight-measures": "The credit officer sees the probability as an aid, confirms every refusal and may "
    "overrule it.",
    "metric-choice": "The area under the ROC curve says how well applicants are ordered, log loss and Brier score how "
    "far the probability can be taken at its word, and the rates by group who bears the errors.",
}


@dataclass
class World:
    """Where the demo plays: addresses, people, a pipeline with a token."""

    url: str
    mlflow_url: str
    people: dict[str, Person]
    pipeline: Machine
    token: str
    engineer_env: dict[str, str]
    var: Path
    output: Path
    stack: Stack
    receiver: Receiver
    promotions: dict[int, Any] = field(default_factory=dict)


def tell(stage: Stage, world: World) -> None:
    """Run all steps."""
    for title, act in STEPS:
        with stage.step(title):
            act(stage, world)


def prepare(stage: Stage, world: World) -> None:
    """Publish the policies, train and register two models, register and classify the system, promote v1."""
    who = world.people
    for text in (policy.TEXT, shipped.text("limited-risk"), shipped.text("minimal-risk")):
        version = who["author"].call("POST", "policies", {"text": text})
        who["publisher"].call("POST", f"policies/{version['id']}/publications")
        stage.say(f"policy [bold]{version['name']}[/] v{version['number']} published by a second person")
    train(stage, world)
    who["owner"].call(
        "POST",
        "systems",
        {
            "slug": SYSTEM,
            "name": "Consumer credit scoring",
            "owner": who["owner"].email,
            "ai_roles": ["provider", "deployer"],
            "purpose": "Estimates for each applicant for consumer credit up to 20,000 DM the probability of default, "
            "as an aid to the credit officer who decides.",
            "favourable_outcome": "credit granted",
            "declared": DECLARED,
        },
    )
    proposal = who["owner"].call("POST", f"systems/{SYSTEM}/classifications", {"answers": ANSWERS, "model_tier": 1})
    stage.expect(
        proposal["ai_act_class"] == "high" and "Annex III.5.b" in proposal["annex_points"],
        "the answers lead to high-risk, Annex III, point 5(b)",
        got=proposal["ai_act_class"],
    )
    path = f"systems/{SYSTEM}/classifications/{proposal['id']}/signatures"
    refused(
        stage, "the owner can't sign it", lambda: who["owner"].call("POST", path, {"password": who["owner"].password})
    )
    who["risk"].call("POST", path, {"password": who["risk"].password})
    stage.say("classification signed by the risk officer, a second person")
    model = mirrored(stage, world, versions=2)
    moved = who["owner"].call("POST", f"systems/{SYSTEM}/assignments", {"model": MODEL})
    path = f"systems/{SYSTEM}/assignments/{moved['id']}/signatures"
    who["validator"].call("POST", path, {"password": who["validator"].password})
    stage.say(f"{MODEL} serves {SYSTEM}: proposed by the owner, signed by the validator")
    data = model["versions"][0]["evaluation_dataset"]
    who["validator"].call("POST", f"systems/{SYSTEM}/dataset-pins", {"dataset_digest": data})
    stage.say(f"the validator pinned the evaluation data {data}")
    promote(stage, world, 1)


def train(stage: Stage, world: World) -> None:
    """Run the training script as an engineer would, once per model."""
    for kind, number in (("logistic", 1), ("boosted", 2)):
        done = subprocess.run(
            [sys.executable, "-m", "examples.credit.train", "--model", kind],
            env={**os.environ, **world.engineer_env},
            capture_output=True,
            text=True,
            check=False,
        )
        stage.expect(
            done.returncode == 0, f"train.py --model {kind} registered {MODEL} v{number}", got=done.stderr[-800:]
        )


def mirrored(stage: Stage, world: World, *, versions: int) -> Any:
    """Wait until Placet has seen and digested the versions."""

    def probe() -> Any:
        try:
            model = world.pipeline.call("GET", f"registered-models/{MODEL}")
        except Refused:
            return None
        return model if len(model["versions"]) >= versions else None

    model = stage.wait("waiting until Placet has mirrored and digested both versions", probe)
    problems = [row["problem"] for row in model["versions"] if row["problem"]]
    stage.expect(not problems, f"both versions are mirrored, {model['versions'][1]['digest']} is v2", got=problems)
    stage.expect(model["versions"][1]["trained_by"], "MLflow's plugin says who registered v2", got=model["versions"][1])
    return model


def refused(stage: Stage, what: str, act: Any, *, contains: str = "") -> None:
    """Expect that an act is refused, and show the sentence."""
    try:
        act()
    except Refused as refusal:
        stage.expect(contains in str(refusal), what, got=str(refusal))
        stage.quote(f'{refusal.status}: "{refusal}"')
        return
    stage.expect(False, what, got="it was let through")


def follow(world: World, number: int) -> Any:
    """Return the promotion as the API tells it."""
    return world.pipeline.call("GET", f"promotion-requests/{world.promotions[number]['id']}")


def request_version(stage: Stage, world: World, number: int) -> Any:
    """Request the champion alias for a version through the API and wait for its evidence."""
    body = {"model": MODEL, "version": number, "alias": "champion"}
    key = f"demo-{number}"
    made = world.pipeline.call("POST", "promotion-requests", body, **{"Idempotency-Key": key})
    again = world.pipeline.call("POST", "promotion-requests", body, **{"Idempotency-Key": key})
    stage.expect(
        made["id"] == again["id"], f"{made['reference']} requested for v{number}; the same key gives the same request"
    )
    world.promotions[number] = made
    shown: set[str] = set()

    def probe() -> Any:
        now = follow(world, number)
        for job in now["jobs"]:
            line = f"{job['type']}: {job['message']} ({job['done']}/{job['total']})"
            if job["message"] and line not in shown and (job["done"] in {0, job["total"]} or job["total"] <= 5):
                shown.add(line)
                stage.say(f"[dim]{line}[/]")
        failed = [job for job in now["jobs"] if job["state"] == "failed"]
        stage_failed = failed and now["approval"]["state"] == "collecting"
        return now if now["approval"]["state"] != "collecting" or stage_failed else None

    now = stage.wait("evidence is being produced", probe, seconds=240)
    types = sorted(job["type"] for job in now["jobs"] if job["state"] == "done")
    stage.expect(
        now["approval"]["state"] == "in_review",
        f"evidence complete, review open: {', '.join(types)}",
        got=[job for job in now["jobs"] if job["state"] != "done"],
    )
    return now


def sign(stage: Stage, world: World, number: int) -> None:
    """Have the held check reviewed and both stages signed, through the review page's forms."""
    approval = follow(world, number)["approval"]
    page = f"/approvals/{approval['id']}"
    validator, officer = world.people["validator"], world.people["risk"]
    for check in approval["checks"]:
        if check["effect"] == "HOLD":
            validator.post_form(
                f"{page}/reviews",
                check=check["id"],
                statement=REASON["review"],
                verdict="accepted",
                password=validator.password,
            )
            stage.say(f"validator signed the human review of [bold]{check['id']}[/]")
    for person, reason in ((validator, REASON["validate"]), (officer, REASON["approve"])):
        person.post_form(
            f"{page}/decide",
            verdict="approve",
            change_class="non-substantial",
            rationale=reason,
            no_conflict="on",
            password=person.password,
        )
        stage.say(f"{person.role} signed: approve")
    stage.expect(follow(world, number)["approval"]["state"] == "approved", "the last stage's quorum approves")


def apply(stage: Stage, world: World, number: int) -> None:
    """Run `placet apply` and see the alias in MLflow."""
    name = world.promotions[number]["reference"]
    stage.wait(
        "the notary signs the permit",
        lambda: True if follow(world, number)["next_step"].startswith("Apply") else None,
        seconds=30,
    )
    done = subprocess.run(
        [Path(sys.executable).with_name("placet"), "apply", name, "--wait"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PLACET_URL": world.url, "PLACET_TOKEN": world.token},
    )
    stage.expect(done.returncode == 0, f"placet apply {name} exits 0", got=done.stdout + done.stderr)
    found = watching.alias_in_mlflow(world)
    stage.expect(found == number, f"MLflow says champion is v{number}", got=found)


def promote(stage: Stage, world: World, number: int) -> None:
    """Take one version all the way."""
    request_version(stage, world, number)
    sign(stage, world, number)
    apply(stage, world, number)


def bypass(stage: Stage, world: World) -> None:
    """Try the ordinary MLflow call; the governed server must answer 403 and say what to do."""
    code = (
        "import mlflow\n"
        "try:\n"
        f"    mlflow.MlflowClient().set_registered_model_alias('{MODEL}', 'champion', 2)\n"
        "except mlflow.exceptions.RestException as refusal:\n"
        "    print(refusal.get_http_status_code(), refusal.message)\n"
        "else:\n"
        "    print(200, 'the alias was set')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **world.engineer_env},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.strip()
    stage.say(f"client.set_registered_model_alias('{MODEL}', 'champion', 2)")
    stage.quote(said)
    stage.expect(
        said.startswith("403") and "placet request" in said, "MLflow answers 403 and says what to do", got=said
    )
    stage.expect(watching.alias_in_mlflow(world) == 1, "champion still is v1")


def request(stage: Stage, world: World) -> None:
    """Request v2 as a pipeline would; the evidence that the policy asks for is computed."""
    now = request_version(stage, world, 2)
    kinds = {job["type"] for job in now["jobs"] if job["state"] == "done"}
    stage.expect(
        kinds >= KINDS,
        "performance against v1, calibration, fairness, SHAP, robustness and data quality are there",
        got=kinds,
    )


def evaluate(stage: Stage, world: World) -> None:
    """Show each check; exactly one is honestly insufficient and holds."""
    approval = follow(world, 2)["approval"]
    table = columns("outcome", "check", "measured", "limit", right={"measured", "limit"})
    for check in approval["checks"]:
        figure = "" if check["value"] is None else f"{check['value']:.3f}"
        interval = "" if check["low"] is None else f"{check['low']:.3f} to {check['high']:.3f}"
        limit = "" if check["limit"] is None else f"{check['limit']:g}"
        colour = {"pass": "green", "fail": "red"}.get(check["outcome"], "yellow")
        table.add_row(
            Text(check["outcome"], style=colour),
            Text.assemble(check["title"], (f"\n{check['evidence_type'] or ''}", "dim")),
            Text.assemble(figure, (f"\n{interval}", "dim")),
            limit,
        )
    stage.show(table)
    held = [check for check in approval["checks"] if check["effect"] == "HOLD"]
    stage.expect(approval["verdict"] == "HOLD", f"the verdict is HOLD: {approval['reason']}", got=approval["verdict"])
    stage.expect(
        len(held) == 1 and held[0]["outcome"] == "insufficient",
        "one check is honestly insufficient at 300 rows, and holds",
        got=[check["id"] for check in held],
    )


def sign_and_apply(stage: Stage, world: World) -> None:
    """The requester is refused, two others sign, Placet sets the alias."""
    engineer = world.people["engineer"]
    approval = follow(world, 2)["approval"]
    refused(
        stage,
        "the requester can't approve",
        lambda: engineer.post_form(
            f"/approvals/{approval['id']}/decide",
            verdict="approve",
            rationale=REASON["approve"],
            no_conflict="on",
            password=engineer.password,
        ),
        contains="requester",
    )
    sign(stage, world, 2)
    apply(stage, world, 2)


STEPS: tuple[tuple[str, Callable[[Stage, World], None]], ...] = (
    ("Take in the AI system, classify it, put v1 into production", prepare),
    ("An engineer tries to set the alias in MLflow", bypass),
    ("The pipeline requests promotion; evidence is produced", request),
    ("The policy is evaluated", evaluate),
    ("Two people sign, the notary permits, placet apply moves the alias", sign_and_apply),
    ("The artifact is tampered with", watching.tamper),
    ("The live model is watched", drifting.drift),
    ("The papers, and a check by a stranger", watching.papers),
)
