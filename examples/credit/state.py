"""Whether a state folder holds the whole story, half of it or none; a half-told one is set aside, never gone on with.

The story is told to real servers, so a second telling on top of half a first one finds its own system, policies and
versions there and fails. What was told half is moved, not deleted: somebody may have looked at it and added to it.
"""

from pathlib import Path

from governance.common.embedded import environment
from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.processes import SERVERS
from governance.common.embedded.state import only_supervisor, stop_leftovers
from governance.common.embedded.unprivileged import server_folder

_KEPT = frozenset({"run", "test"})  # locks, one of which is held; and the servers of a test run, which may be up
_ASIDE = "half-told-"


def is_told(var: Path) -> bool:
    """Return whether the story was told to its end in this folder."""
    return _told(var).exists()


def is_half_told(var: Path) -> bool:
    """Return whether a telling began in this folder and did not come to its end."""
    return _begun(var).exists() and not is_told(var)


def begin(var: Path) -> None:
    """Note that the telling begins."""
    _begun(var).touch()


def finish(var: Path) -> None:
    """Note that the story was told to its end."""
    _told(var).touch()


def set_aside(var: Path) -> Path:
    """Move everything that a half-told story left in the folder into one below it, and return that.

    Raises:
        EmbeddedError: Placet runs from the folder, or the story was told to a database that is not ours to move.
    """
    layout = Layout.at(var)
    if "DATABASE_URL" in environment.external_servers():
        raise EmbeddedError(
            "The story was told half in the database of DATABASE_URL. Point it to an empty database, or unset it for "
            f"the embedded one, and delete {_begun(layout.var)}."
        )
    aside = layout.var / f"{_ASIDE}{1 + len(list(layout.var.glob(f'{_ASIDE}*')))}"
    with only_supervisor(layout):
        stop_leftovers(layout)
        elsewhere = [folder for name in SERVERS if (folder := server_folder(layout, name)).parent != layout.var]
        aside.mkdir()
        for entry in layout.var.iterdir():
            if entry.name not in {*_KEPT, _begun(layout.var).name} and not entry.name.startswith(_ASIDE):
                entry.rename(aside / entry.name)
        for folder in elsewhere:  # root's servers, where their user may not enter the state folder
            folder.rename(folder.with_name(f"{folder.name}-{aside.name}"))
        # Last, so that a move which is itself cut short is taken up by the next start.
        _begun(layout.var).rename(aside / _begun(layout.var).name)
    return aside


def _begun(var: Path) -> Path:
    return var / "demo-begun"


def _told(var: Path) -> Path:
    return var / "demo-done"
