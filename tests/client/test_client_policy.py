"""``placet policy`` against the real server: folders, what is refused, what changed, and where a draft is from."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.policy import shipped
from governance.policy.models import PolicyVersion
from placet import connection
from placet.commands import app
from placet.sdk import Placet
from tests.factories import a_policy, a_policy_text, a_user, enough_people, given, parse

typer_testing = pytest.importorskip("typer.testing")

LAXER = (("limit: 0.65", "limit: 0.6"), ("auc.low >= 0.65", "auc.low >= 0.6"), ("auc.high < 0.65", "auc.high < 0.6"))


class InProcess(httpx.BaseTransport):
    """The application in this process and transaction."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        answer = Client().generic(request.method, path, request.read(), headers=dict(request.headers))
        return httpx.Response(answer.status_code, headers=dict(answer.items()), content=answer.content)


@pytest.fixture
def author(db, monkeypatch) -> User:
    """A service account whose token the command line has; it talks to the application in this process."""
    account = a_user(sponsor=a_user())
    given(account, Role.POLICY_AUTHOR)
    monkeypatch.setenv("PLACET_URL", "http://localhost")
    monkeypatch.setenv("PLACET_TOKEN", create_token(holder=account, label="ci", scopes=["policies:write"]))
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setattr(connection, "Placet", functools.partial(Placet, transport=InProcess()))
    return account


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A folder with one good policy; its people are there."""
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (inside := tmp_path / "policies").mkdir()
    (inside / "credit.yaml").write_text(a_policy_text())
    return inside


def run(*arguments: Any) -> Any:
    return typer_testing.CliRunner().invoke(app, ["policy", *map(str, arguments)])


def as_json(*arguments: Any) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def git(folder: Path, *arguments: str) -> str:
    about = ["-c", "user.name=Author", "-c", "user.email=author@bank.example", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *about, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(folder: Path, *, remote: str = "https://ci:s3cret@git.bank.example/policies.git") -> str:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Policies")
    git(folder, "remote", "add", "origin", remote)
    return git(folder, "rev-parse", "HEAD")


def test_lint_says_per_file_what_to_mend_and_exits_3(author, folder):
    enough_people(parse(a_policy_text()))
    assert (run("lint", folder).exit_code, "credit.yaml: ok" in run("lint", folder).output) == (0, True)
    bad = a_policy_text(("policy: credit-high-risk", "policy: other"), ("auc.low >= 0.65", "auc.lwo >= 0.65"))
    (folder / "other.yaml").write_text(bad)
    (folder / ".hidden.yaml").write_text("not a policy")
    done = run("lint", folder)
    assert done.exit_code == 3
    assert "credit.yaml: ok" in done.output
    line = bad.splitlines().index("    expr: evidence.performance.auc.lwo >= 0.65") + 1
    for words in ("other.yaml: would be refused", f"{line} ", "checks[0].expr", "did you mean"):
        assert words in done.output
    files = as_json("lint", folder)["files"]
    assert [(Path(row["file"]).name, len(row["problems"])) for row in files] == [("credit.yaml", 0), ("other.yaml", 2)]
    assert not PolicyVersion.objects.exists()


def test_lint_exits_4_for_what_nobody_could_sign_yet(author, folder):
    done = run("lint", folder)
    assert done.exit_code == 4
    assert "could not be published as things stand" in done.output
    assert "stages[0].quorum" in done.output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The file is empty."),
        (b"\xff\xfe", "not UTF-8"),
        (b"policy: \0", "a NUL"),
        (b"x" * 1_000_001, "no policy is that long"),
        (b"x" * 200_000, "a policy has at most 131,072"),
        (b"policy: [", "This is not YAML"),
    ],
)
def test_what_is_no_policy_is_a_problem_of_its_file(author, folder, content, says):
    (folder / "bad.yaml").write_bytes(content)
    done = run("lint", folder)
    assert (done.exit_code, says in done.output, "Traceback" in done.output) == (3, True, False), done.output


def test_a_link_out_of_the_folder_is_refused_and_nothing_is_sent(author, folder, tmp_path):
    (tmp_path / "secret.yaml").write_text("secret: 1")
    (folder / "linked.yaml").symlink_to(tmp_path / "secret.yaml")
    for command in ("lint", "diff", "push"):
        for path in (folder, folder / "linked.yaml"):
            done = run(command, path)
            assert (done.exit_code, "leads out of its folder" in done.stderr) == (2, True)
    (folder / "linked.yaml").unlink()
    (folder / "linked.yaml").symlink_to(folder / "credit.yaml")
    assert run("lint", folder).exit_code == 4
    assert not PolicyVersion.objects.exists()


@pytest.mark.parametrize("broken", ["nothing there", "empty folder", "a pipe", "a folder of that name"])
def test_a_path_without_policies_is_a_usage_error(author, folder, tmp_path, broken):
    (empty := tmp_path / "empty").mkdir()
    if broken == "a pipe":
        os.mkfifo(empty / "x.yaml")
    if broken == "a folder of that name":
        (empty / "x.yaml").mkdir()
    done = run("lint", tmp_path / "none" if broken == "nothing there" else empty)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1


def test_diff_marks_what_loosens_in_words_and_exits_for_it_when_asked(author, folder):
    a_policy()
    assert "says what credit-high-risk v1 says" in run("diff", folder).output
    (folder / "credit.yaml").write_text(a_policy_text(*LAXER, ("on_drift: suspend", "on_drift: alert")))
    done = run("diff", folder)
    assert done.exit_code == 0
    assert "against credit-high-risk v1: 4 changed, 3 loosen" in done.output
    shown = [line for line in done.output.splitlines() if "checks[performance.auc-floor].expr" in line]
    assert shown[0].startswith("loosens")
    assert "The limit moves to the lax side" in shown[0]
    assert run("diff", folder, "--exit-code").exit_code == 4
    weights = {change["path"]: change["weight"] for change in as_json("diff", folder)["files"][0]["changes"]}
    assert weights["approval.on_drift"] == "loosens"
    other = a_policy(shipped.text("minimal-risk"))
    assert "against minimal-risk v1" in run("diff", folder, "--against", other.pk).output
    assert run("diff", folder, "--against", "nonsense").exit_code == 1


def test_diff_of_a_new_policy_says_that_all_of_it_is_new(author, folder):
    done = run("diff", folder)
    assert (done.exit_code, "no version of credit-high-risk is in force" in done.output) == (0, True)


def test_push_hands_in_with_commit_and_repository_and_only_what_changed(author, folder):
    enough_people(parse(a_policy_text()))
    commit = committed(folder)
    done = run("push", folder)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert f"credit-high-risk v1 drafted, from commit {commit[:12]}" in done.output
    version = PolicyVersion.objects.get()
    assert (version.author, version.commit) == (author, commit)
    assert (version.repository, version.text) == ("https://git.bank.example/policies.git", a_policy_text())
    again = run("push", folder)
    assert (again.exit_code, "not handed in again" in again.output) == (0, True)
    (folder / "credit.yaml").write_text(a_policy_text(*LAXER))
    dirty = run("push", folder)
    assert "is not what commit" in dirty.stderr
    second = PolicyVersion.objects.get(number=2)
    assert (second.commit, second.repository) == ("", "")


def test_push_without_git_says_so_and_takes_a_commit_by_option(author, folder):
    assert "No git commit here" in run("push", folder).stderr
    assert PolicyVersion.objects.get().commit == ""
    (folder / "credit.yaml").write_text(a_policy_text(*LAXER))
    sent = as_json("push", folder, "--commit", "f" * 40, "--repository", "git@git.bank.example:policies")
    assert sent["files"][0]["version"]["commit"] == "f" * 40
    assert PolicyVersion.objects.get(number=2).repository == "git@git.bank.example:policies"
    (folder / "credit.yaml").write_text(a_policy_text())
    wrong = run("push", folder, "--commit", "main")
    assert (wrong.exit_code, "40 or 64 hexadecimal digits" in wrong.output) == (3, True)


@pytest.mark.parametrize(
    ("remote", "kept"),
    [
        ("git@git.bank.example:policies.git", "git@git.bank.example:policies.git"),
        ("ssh://git@git.bank.example/policies.git", "ssh://git.bank.example/policies.git"),
        ("/srv/policies.git", ""),
        ("file:///srv/policies.git", ""),
    ],
)
def test_a_path_on_the_machine_is_no_repository_to_others(author, folder, remote, kept):
    committed(folder, remote=remote)
    assert run("push", folder).exit_code == 4
    assert PolicyVersion.objects.get().repository == kept


def test_push_hands_nothing_in_if_one_file_would_be_refused(author, folder):
    (folder / "bad.yaml").write_text("policy: x")
    done = run("push", folder)
    assert (done.exit_code, "not handed in, since another file would be refused" in done.output) == (3, True)
    assert not PolicyVersion.objects.exists()


def test_push_by_somebody_who_writes_no_policies_exits_3(author, folder, monkeypatch):
    secret = create_token(holder=a_user(Role.ENGINEER), label="ci", scopes=["policies:write"])
    monkeypatch.setenv("PLACET_TOKEN", secret)
    done = run("push", folder)
    assert (done.exit_code, "Only a policy author writes policies." in done.output) == (3, True)
    monkeypatch.setenv("PLACET_TOKEN", create_token(holder=author, label="x", scopes=["promotions:read"]))
    assert run("lint", folder).exit_code == 3
    monkeypatch.setenv("PLACET_TOKEN", "placet_nobody")
    assert run("lint", folder).exit_code == 1


def test_what_a_server_says_cannot_steer_the_terminal(api, folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    change = {"path": "\x1b[2Jx", "before": "\x1b[31m", "after": None, "weight": "loosens", "because": "\x1b"}
    said = {"name": "\x1b]0;x", "problems": [], "changes": [change], "against": {"name": "\x1b", "number": 1}}
    api.says("POST", "/api/v1/policy-checks", said)
    assert "\x1b" not in run("diff", folder).output
    api.says(
        "POST", "/api/v1/policy-checks", said | {"problems": [{"path": "\x1b", "line": "\x1b", "message": "\x1b"}]}
    )
    done = run("lint", folder)
    assert (done.exit_code, "\x1b" in done.output) == (3, False)
