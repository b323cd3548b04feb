"""The Makefile and the set-up scripts: listed targets, clear refusals, the user's own package index."""

import importlib.util
import os
import re
import stat
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

PROMISED = {
    *("help", "setup", "demo", "demo-check", "up", "test", "test-fast", "prove", "check", "fmt", "bench", "clean"),
}


def make(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    # Not a part of the make that may be running this test: its flags would come along.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=cwd, env=env or clean, capture_output=True, text=True, timeout=60)


def a_script(repository: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, repository / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_help_lists_every_target_and_is_what_plain_make_shows(repository: Path) -> None:
    text = (repository / "Makefile").read_text()
    declared = set(re.findall(r"[a-z-]+", re.search(r"^\.PHONY:((?:.*\\\n)*.*)$", text, re.MULTILINE)[1]))  # type: ignore[index]
    shown = make(cwd=repository)
    assert shown.returncode == 0
    listed = set(re.findall(r"^\s+\x1b\[1m([a-z-]+)", shown.stdout, re.MULTILINE))
    assert listed == declared
    assert listed >= PROMISED
    assert make("help", cwd=repository).stdout == shown.stdout


def test_check_runs_every_check_target(repository: Path) -> None:
    text = (repository / "Makefile").read_text()
    prerequisites = re.search(r"^check: (.*?) ##", text, re.MULTILINE)[1].split()  # type: ignore[index]
    assert prerequisites == [
        *("lint", "types", "imports", "templates", "migrations", "deploy-check"),
        *("yaml", "spelling", "lock-check", "licences", "client-build"),
    ]


def test_ci_runs_check_and_then_test(repository: Path) -> None:
    script = repository / ".ci/run"
    assert stat.S_IMODE(script.stat().st_mode) & 0o111
    commands = [line for line in script.read_text().splitlines() if line.startswith("make ")]
    assert commands == ["make check", "make test"]
    assert "set -euo pipefail" in script.read_text()


@pytest.mark.parametrize("script", ["venv.sh", "apt.sh", "native.sh", "uv.sh", "install.sh"])
def test_the_shell_scripts_are_valid_and_stop_at_the_first_error(repository: Path, script: str) -> None:
    path = repository / "scripts" / script
    assert subprocess.run(["bash", "-n", str(path)]).returncode == 0
    assert "set -euo pipefail" in path.read_text()


def bare_tools(folder: Path, *names: str) -> dict[str, str]:
    """A PATH with nothing but ``names``, so that a machine without apt, sudo or Python can be played."""
    tools = folder / "bin"
    tools.mkdir()
    for name in names:
        found = subprocess.run(["bash", "-c", f"command -v {name}"], capture_output=True, text=True, check=True)
        (tools / name).symlink_to(found.stdout.strip())
    return {"PATH": str(tools), "HOME": str(folder)}


def test_without_the_right_to_install_one_sentence_names_the_packages(repository: Path, tmp_path: Path) -> None:
    env = bare_tools(tmp_path, "bash", "id", "env")
    result = subprocess.run(
        ["bash", str(repository / "scripts/apt.sh"), "the text library", "libpango-1.0-0", "libpangoft2-1.0-0"],
        env=env,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "the text library is missing: install libpango-1.0-0 libpangoft2-1.0-0" in result.stderr


def test_too_old_a_python_is_refused_with_what_to_do(repository: Path, tmp_path: Path) -> None:
    env = bare_tools(tmp_path, "bash", "dirname")
    old = tmp_path / "bin" / "python3"
    old.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python 3.9.2' && exit 0\nexit 1\n")
    old.chmod(0o755)
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    result = subprocess.run(["bash", str(repository / "scripts/venv.sh")], env=env, capture_output=True, text=True)
    assert result.returncode == 2
    assert "needs Python 3.11, 3.12 or 3.13 and found Python 3.9.2" in result.stderr


def test_uv_is_pinned_with_hashes_and_no_download_address(repository: Path) -> None:
    text = (repository / "scripts/uv.lock").read_text()
    assert re.match(r"uv==[\d.]+ \\\n", text)
    assert text.count("--hash=sha256:") > 10
    assert "://" not in text


def test_the_index_that_pip_is_configured_for_is_handed_to_uv(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    script = a_script(repository, "pip_index")
    listing = "\n".join(
        [
            "global.index-url='https://mirror.example/simple'",
            "global.extra-index-url='https://one.example/simple https://two.example/simple'",
            "install.trusted-host='mirror.example'",
            "install.index-url='https://install.example/simple'",
            ":env:.cert='/etc/ca.pem'",
            "global.cert='/other.pem'",
            "list.format='columns'",
        ]
    )
    assert script.exports(script.pip_settings(listing)) == {
        "UV_DEFAULT_INDEX": "https://install.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "mirror.example",
        "SSL_CERT_FILE": "/etc/ca.pem",
    }
    assert script.exports(script.pip_settings("")) == {}


def test_what_the_user_told_uv_itself_wins(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://own.example/simple")
    a_script(repository, "pip_index").main()
    assert capsys.readouterr().out == ""


def test_the_lock_check_finds_each_kind_of_fault(repository: Path) -> None:
    script = a_script(repository, "check_lock")
    lock = "alpha==1.0 \\\n    --hash=sha256:aa\n    # via beta\nbeta==2.0\n"
    lock += "gamma[extra]==3.0 ; sys_platform == 'x' \\\n    --hash=sha256:bb\n"
    found = script.pins(lock)
    assert found == {"alpha": {"1.0"}, "beta": {"2.0"}, "gamma": {"3.0"}}
    assert script.without_hash(lock) == ["beta==2.0"]
    assert script.unmet(["alpha>=1", "Beta<2", "delta", "gamma[extra]>=3,<4"], found) == ["Beta<2", "delta"]


def test_a_path_with_a_space_is_no_obstacle(repository: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "my check out"
    checkout.mkdir()
    for name in ("Makefile", "scripts", "requirements.lock", "requirements-dev.lock", "client"):
        (checkout / name).symlink_to(repository / name)
    stamps = checkout / ".venv/.stamps"
    stamps.mkdir(parents=True)
    python = checkout / ".venv/bin/python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "ran: $*"\n')
    python.chmod(0o755)
    for stamp in ("venv", "native", "native-dev", "app", "dev"):
        (stamps / stamp).touch()
    result = make("test", 'ARGS=-k "two words"', cwd=checkout)
    assert result.returncode == 0, result.stderr
    assert "ran: -m pytest -m not e2e -n 2 -k two words" in result.stdout


def test_the_end_to_end_tests_tell_every_step_of_the_demo(repository: Path) -> None:
    from examples.credit import story

    texts = [path.read_text() for path in (repository / "tests" / "e2e").glob("*.py")]
    told = {int(number) for text in texts for number in re.findall(r"\b(?:step|play)\((\d)", text)}
    assert told == set(range(1, len(story.STEPS) + 1))
