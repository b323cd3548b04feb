"""Where everything lives below one state folder (``var/``): the only place that spells its file names."""

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
"""The checkout: where ``manage.py`` is and where the processes are started."""

DEFAULT_VAR = REPOSITORY / "var"


class EmbeddedError(RuntimeError):
    """Something the embedded servers need is not there; the message says what to do."""


@dataclass(frozen=True)
class Layout:
    """The paths below one state folder. Two folders never share a server, a port, a key or a password."""

    var: Path

    @classmethod
    def at(cls, var: Path | str) -> "Layout":
        """Return the layout of ``var``, made absolute so that a later change of directory cannot move it."""
        return cls(Path(var).expanduser().resolve())

    @property
    def run(self) -> Path:
        """Locks, the state file and generated configuration."""
        return self.var / "run"

    @property
    def logs(self) -> Path:
        """One ``<process>.log`` each."""
        return self.var / "log"

    @property
    def secrets(self) -> Path:
        """One file a secret, mode 0600 in a folder of mode 0700."""
        return self.var / "secrets"

    @property
    def keys(self) -> Path:
        """The notary's private keys (0600) and the public trust file."""
        return self.var / "keys"

    @property
    def storage(self) -> Path:
        """Placet's artifact store, and MLflow's below ``mlflow/``."""
        return self.var / "storage"

    @property
    def mlflow_artifacts(self) -> Path:
        """MLflow's artifact destination."""
        return self.storage / "mlflow"

    @property
    def notary(self) -> Path:
        """The notary's high-water file, outside PostgreSQL on purpose."""
        return self.var / "notary"

    @property
    def anchors(self) -> Path:
        """Published checkpoints, write-once."""
        return self.var / "anchors"

    @property
    def state_file(self) -> Path:
        """What runs now: addresses, and each process by id and start time."""
        return self.run / "processes.json"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one supervisor of this folder."""
        return self.run / "supervisor.lock"

    @property
    def start_lock(self) -> Path:
        """Held while somebody looks for running servers or starts them."""
        return self.run / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Held shared by each user of on-demand servers; free means nobody needs them."""
        return self.run / "users.lock"

    def create(self) -> "Layout":
        """Make the folders. ``var`` stays enterable by others: PostgreSQL may run as another user below it."""
        for folder in (self.var, self.run, self.logs, self.keys, self.storage, self.mlflow_artifacts, self.anchors):
            folder.mkdir(parents=True, exist_ok=True)
        for private in (self.secrets, self.notary):
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self
