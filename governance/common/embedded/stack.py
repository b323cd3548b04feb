"""Bring up Placet, or parts of it, in one state folder: for `make up`, for the demo and for tests."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from governance.common.embedded import (
    environment,
    mlflow_accounts,
    postgres,
    processes,
    secrets,
    state,
    valkey,
)
from governance.common.embedded.console import Console
from governance.common.embedded.environment import Addresses
from governance.common.embedded.layout import DEFAULT_VAR, EmbeddedError, Layout
from governance.common.embedded.ports import DEFAULT_PORTS, Ports
from governance.common.embedded.process import Process
from governance.common.embedded.supervisor import Supervisor


class Stack:
    """Processes of one state folder, up between entering and leaving the context.

    ``processes`` names what to run (default: everything). PostgreSQL and Valkey join by themselves when something
    needs them, unless DATABASE_URL or REDIS_URL in the environment point to others. With an application process
    among them the database is bootstrapped and migrated first.

    Args:
        var: the state folder, made if absent.
        processes: names out of ``processes.ALL``.
        ports: wishes by name; default the usual ones, next free if taken. 0 lets the kernel choose.
        echo: stream for the prefixed log lines; None writes ``var/log`` only.
        notice: without ``echo``, called with what people must know all the same: taken ports, deaths, leftovers.
        demo: run ``seed_demo`` after migrating.
        durable: False trades PostgreSQL's crash safety for speed (tests).
        extra_env: variables by process name, for tests that need a special setting.
        external: variables that name servers of the user's own; default those of the environment, ``{}`` for none
            (a test run has DATABASE_URL set for itself, which a stack beside it must not take for its own).
    """

    def __init__(
        self,
        *,
        var: Path | str = DEFAULT_VAR,
        processes: Sequence[str] = processes.ALL,
        ports: Mapping[str, int] | None = None,
        echo: TextIO | None = None,
        notice: Callable[[str], None] | None = None,
        demo: bool = False,
        durable: bool = True,
        extra_env: Mapping[str, Mapping[str, str]] | None = None,
        external: Mapping[str, str] | None = None,
    ) -> None:
        self.layout = Layout.at(var)
        self._external = environment.external_servers() if external is None else external
        self._names = _with_servers(processes, external=self._external)
        self._wishes = dict(ports or {})
        self._console = Console(self.layout, echo=echo, notice=notice)
        self._demo = demo
        self._durable = durable
        self._extra_env = extra_env or {}
        self._lock: contextlib.ExitStack = contextlib.ExitStack()  # of the folder and of the ports
        self._supervisor: Supervisor | None = None
        self.addresses = Addresses({})

    def __enter__(self) -> "Stack":
        self.begin()
        try:
            self.supervisor.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self) -> None:
        """Take the folder, clear what a killed supervisor left, choose ports and start; do not wait.

        Raises:
            EmbeddedError: another supervisor runs in this folder, or a server's files are not usable.
        """
        self.layout.create()
        self._lock.enter_context(state.only_supervisor(self.layout))
        try:
            if leftovers := state.stop_leftovers(self.layout):
                self._console.warn(f"stopped what an earlier start left running: {', '.join(leftovers)}")
            secrets.create_all(self.layout)
            self.addresses = Addresses(self._choose_ports(), self._external)
            self._supervisor = Supervisor(
                self.layout, addresses=self.addresses, console=self._console, plan=self._bring_up
            )
            self._supervisor.begin()
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Stop everything and give the folder back."""
        if self._supervisor is not None:
            self._supervisor.stop()
        self._lock.close()

    @property
    def supervisor(self) -> Supervisor:
        """The running supervisor.

        Raises:
            EmbeddedError: not started yet.
        """
        if self._supervisor is None:
            raise EmbeddedError("The stack is not started: use it as a context manager.")
        return self._supervisor

    @property
    def urls(self) -> dict[str, str]:
        """Addresses of the web UI (``web``) and of MLflow (``mlflow``), as far as they run."""
        return {name: self.addresses.local_url(name) for name in ("web", "mlflow") if name in self._names}

    def env(self, role: str) -> dict[str, str]:
        """Return the whole environment of a role (``environment.ROLES``)."""
        return {**environment.compose(self.layout, self.addresses, role), **self._extra_env.get(role, {})}

    def restart(self, name: str) -> None:
        """Stop process ``name``, start it again and wait until it is ready."""
        self.supervisor.restart(name)

    def kill(self, name: str, number: int, *, keep_down: bool = False) -> None:
        """Signal process ``name`` and its children; the supervisor starts it again unless ``keep_down``."""
        self.supervisor.kill(name, number, keep_down=keep_down)

    def _choose_ports(self) -> dict[str, int]:
        names = set(self._names)
        if names & set(processes.APPLICATION):
            # They need each other's address to start with, whether or not the other one runs.
            names |= {"web", "mlflow"}
        wanted = {name: port for name, port in {**DEFAULT_PORTS, **self._wishes}.items() if name in names}
        chosen = self._lock.enter_context(Ports()).choose_all(wanted)
        for name, port in chosen.items():
            if wanted[name] not in (0, port):
                self._console.warn(f"port {wanted[name]} is taken: {name} uses {port}")
        return chosen

    def _process(self, name: str) -> Process:
        process = processes.application_process(self.layout, self.addresses, name)
        return processes.with_env(process, self._extra_env.get(name, {}))

    def _bring_up(self, supervisor: Supervisor) -> None:
        servers = [name for name in processes.SERVERS if name in self._names]
        if "postgres" in servers:
            postgres.prepare(self.layout)
            supervisor.start([postgres.process(self.layout, self.addresses.ports["postgres"], durable=self._durable)])
        if "valkey" in servers:
            supervisor.start([valkey.process(self.layout, self.addresses.ports["valkey"])])
        supervisor.wait(servers)
        if "mlflow" in self._names:
            # First and not waited for: it takes longest, and needs nothing but its own database until the end.
            mlflow_accounts.prepare(self.layout, self.addresses)
            supervisor.start([self._process("mlflow")])
        others = [name for name in processes.APPLICATION if name in self._names and name != "mlflow"]
        if others:
            self._prepare_database(supervisor)
            supervisor.start([self._process(name) for name in others])
        supervisor.wait([name for name in processes.APPLICATION if name in self._names])
        if "mlflow" in self._names:
            mlflow_accounts.create_embedded_users(self.layout, self.addresses)

    def _prepare_database(self, supervisor: Supervisor) -> None:
        if "PLACET_BOOTSTRAP_URL" in self.env("bootstrap"):
            supervisor.run_once(processes.manage(self.layout, self.addresses, "bootstrap_roles", role="bootstrap"))
        supervisor.run_once(processes.manage(self.layout, self.addresses, "migrate", "--no-input", role="owner"))
        if self._demo:
            signins = str(self.layout.var / "demo.json")
            supervisor.run_once(
                processes.manage(self.layout, self.addresses, "seed_demo", "--file", signins, role="app")
            )


def _with_servers(names: Sequence[str], *, external: Mapping[str, str]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in processes.ALL]
    if unknown:
        raise EmbeddedError(f"There is no process {unknown[0]!r}; these are: {', '.join(processes.ALL)}.")
    wanted = set(names)
    if wanted & set(processes.APPLICATION):
        wanted |= {"postgres", "valkey"} if wanted - {"mlflow"} - {"postgres"} else {"postgres"}
    if "DATABASE_URL" in external:
        wanted.discard("postgres")
    if "REDIS_URL" in external:
        wanted.discard("valkey")
    return tuple(name for name in processes.ALL if name in wanted)


def running_addresses(layout: Layout) -> Addresses:
    """Return where the servers of a running folder are.

    Raises:
        EmbeddedError: nothing runs there, or it is still starting.
    """
    found = state.read(layout)
    if found is None or not state.is_supervised(layout):
        raise EmbeddedError(f"Nothing runs from {layout.var}: start it with `make up`.")
    if not found.ready:
        raise EmbeddedError(f"The servers of {layout.var} are still starting: try again in a moment.")
    external = environment.external_servers()
    if set(found.external) != set(external):
        raise EmbeddedError("The running servers were started with another DATABASE_URL or REDIS_URL: set the same.")
    return Addresses(found.ports, external)


@contextlib.contextmanager
def servers(var: Path | str, *, only: Sequence[str] = processes.SERVERS, echo: TextIO | None = None) -> Iterator[Stack]:
    """Run PostgreSQL and Valkey alone, for the length of the block, on ports the kernel chooses.

    Always our own ones, whatever DATABASE_URL and REDIS_URL say.
    """
    ports = dict.fromkeys(processes.SERVERS, 0)
    with Stack(var=var, processes=only, ports=ports, durable=False, echo=echo or sys.stderr, external={}) as stack:
        yield stack
