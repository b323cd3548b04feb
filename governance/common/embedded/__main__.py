"""``python -m governance.common.embedded up | exec | keep``: run Placet's processes on this machine."""

import argparse
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

from governance.common.embedded import containers, environment, mlflow_accounts, ports, processes
from governance.common.embedded.layout import DEFAULT_VAR, EmbeddedError, Layout
from governance.common.embedded.on_demand import ensure_servers, keep
from governance.common.embedded.stack import Stack, running_addresses


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m governance.common.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything, keep it up, print the addresses; Ctrl-C stops it")
    up.add_argument("--only", metavar="NAMES", help=f"comma-separated, out of {','.join(processes.ALL)}")
    ports.add_option(up)
    up.add_argument("--demo", action="store_true", help="create the demo's people (one sign-in per role)")
    up.add_argument("--quiet", action="store_true", help="log lines to var/log only")
    up.add_argument("--ready-file", type=Path, metavar="FILE", help="written when everything is ready")
    execute = commands.add_parser("exec", help="run a command with the environment of a role")
    execute.add_argument("--role", default="web", help=f"one of {', '.join(environment.ROLES)} (default: web)")
    execute.add_argument("--start-servers", action="store_true", help="start PostgreSQL and Valkey if nothing runs")
    execute.add_argument("arguments", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    keeper = commands.add_parser("keep", help="PostgreSQL and Valkey for as long as somebody uses them (internal)")
    files = commands.add_parser("container-files", help="write the environment files and keys of docker-compose.yml")
    files.add_argument("--base-url", required=True, metavar="URL", help="the address people open, https://…")
    files.add_argument("--folder", type=Path, default=Path("deploy"), metavar="DIR", help="where to (default: deploy)")
    commands.add_parser("mlflow-databases", help="create MLflow's role and databases (PLACET_MLFLOW_DATABASE_URL)")
    commands.add_parser("mlflow-users", help="create Placet's user in MLflow (PLACET_MLFLOW_ADMIN_PASSWORD)")
    for command in (up, execute, keeper):
        command.add_argument("--var", type=Path, default=DEFAULT_VAR, metavar="DIR", help="state folder (default: var)")
    return parser


def _up(options: argparse.Namespace) -> int:
    wanted = processes.ALL if options.only is None else tuple(filter(None, options.only.split(",")))
    echo = None if options.quiet else sys.stdout
    stack = Stack(var=options.var, processes=wanted, ports=dict(options.port), demo=options.demo, echo=echo)
    interrupted = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    stack.begin()
    try:
        announced = False
        while stack.supervisor.is_running() and not interrupted.wait(0.2):
            if not announced and stack.supervisor.is_ready():
                announced = True
                _announce(stack, options)
    finally:
        stack.close()
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)
    if stack.supervisor.failure:
        raise EmbeddedError(stack.supervisor.failure)
    return 0


def _announce(stack: Stack, options: argparse.Namespace) -> None:
    lines = [f"{name:<8} {url}" for name, url in stack.urls.items()]
    lines += [
        f"{name:<8} 127.0.0.1:{stack.addresses.ports[name]}"
        for name in processes.SERVERS
        if name in stack.addresses.ports
    ]
    print("\n".join(["", "Everything is up. Ctrl-C stops it.", *lines, ""]), flush=True)  # noqa: T201
    if options.ready_file is not None:
        options.ready_file.write_text("\n".join(lines) + "\n")


def _exec(options: argparse.Namespace) -> int:  # noqa: RET503  (its last line does not return)
    command = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    if not command:
        raise EmbeddedError("Name the command after --, for instance: exec --role owner -- python manage.py migrate")
    layout = Layout.at(options.var)
    if options.start_servers:
        ensure_servers(layout.var)
    values = environment.compose(layout, running_addresses(layout), options.role)
    if options.start_servers:  # stay, or the servers would stop under the command: this process is their user
        return subprocess.run(command, env=values, check=False).returncode  # noqa: S603
    os.execvpe(command[0], command, values)  # noqa: S606  (the user's own command)


def _keep(options: argparse.Namespace) -> int:
    keep(Layout.at(options.var))
    return 0


def _container_files(options: argparse.Namespace) -> int:
    for path in containers.write(options.folder, base_url=options.base_url):
        print(path)  # noqa: T201
    return 0


def _required(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise EmbeddedError(f"Set {name}.")
    return value


def _mlflow_databases(_options: argparse.Namespace) -> int:
    mlflow_accounts.create_databases(_required("PLACET_BOOTSTRAP_URL"), _required("PLACET_MLFLOW_DATABASE_URL"))
    return 0


def _mlflow_users(_options: argparse.Namespace) -> int:
    mlflow_accounts.create_users(
        _required("MLFLOW_TRACKING_URI"),
        _required("PLACET_MLFLOW_ADMIN_PASSWORD"),
        {_required("MLFLOW_TRACKING_USERNAME"): _required("MLFLOW_TRACKING_PASSWORD")},
    )
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 0 fine, 1 a clear reason on standard error, 2 usage."""
    options = _parser().parse_args(arguments)
    commands = {
        "up": _up,
        "exec": _exec,
        "keep": _keep,
        "container-files": _container_files,
        "mlflow-databases": _mlflow_databases,
        "mlflow-users": _mlflow_users,
    }
    try:
        return commands[options.command](options)
    except EmbeddedError as problem:
        print(f"placet: {problem}", file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
