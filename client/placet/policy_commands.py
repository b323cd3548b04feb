"""The commands ``placet policy``: check, compare and hand in the policies of a git folder.

Exit codes: 0 ok, 1 error, 2 usage, 3 the text would be refused, 4 it could not be published as things stand.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from placet import terminal
from placet.connection import Connected, JsonFlag
from placet.policy_folder import Commit, PolicyFile, commit_of, policy_files
from placet.sdk import Placet, PlacetProblem

app = typer.Typer(
    help="Check, compare and hand in policies kept in a git folder.",
    epilog="Exit codes: 0 ok, 1 error, 2 usage, 3 would be refused, 4 could not be published as things stand.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Paths = Annotated[list[Path] | None, typer.Argument(help="Folders (their *.yaml) or files; this folder by default.")]
Row = dict[str, Any]

_REFUSED, _HELD = 3, 4
_WEIGHTS = {"loosens": "bold red", "tightens": "green", "neutral": "dim"}
_SHOWN = 160  # characters of a value; the whole is in --json


@app.command()
def lint(paths: Paths = None, as_json: JsonFlag = False) -> None:
    """Check policies as drafting and publishing would, and keep nothing."""
    files = _files(paths)
    with Connected() as client:
        rows = [_checked(client, file) for file in files]
    if as_json:
        terminal.print_json({"files": rows})
    else:
        for row in rows:
            _print_problems(row)
    raise typer.Exit(_exit_code(rows))


@app.command()
def diff(
    paths: Paths = None,
    against: Annotated[
        str | None, typer.Option(help="The id of a version; by default the one in force under each policy's name.")
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 4 if anything loosens.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show what policies change, and what of it loosens."""
    files = _files(paths)
    with Connected() as client:
        rows = [_checked(client, file, against=against) for file in files]
    if as_json:
        terminal.print_json({"files": rows})
    else:
        for row in rows:
            _print_changes(row)
    if any(row["problems"] for row in rows):
        raise typer.Exit(_REFUSED)
    raise typer.Exit(_HELD if exit_code and any(_loosening(row) for row in rows) else 0)


@app.command()
def push(
    paths: Paths = None,
    commit: Annotated[str | None, typer.Option(help="The commit that they are from; by default what git says.")] = None,
    repository: Annotated[str | None, typer.Option(help="Its address; by default git's remote origin.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Hand in as drafts what changed, unless a file would be refused; another person publishes."""
    files = _files(paths)
    origin = _origin(files, commit, repository)
    with Connected() as client:
        rows = [_checked(client, file) for file in files]
        if not any(row["problems"] for row in rows):
            for file, row in zip(files, rows, strict=True):
                if not _push(client, file, row, origin):
                    break
    if as_json:
        terminal.print_json({"commit": origin.commit, "repository": origin.repository, "files": rows})
    else:
        for row in rows:
            _print_pushed(row)
    raise typer.Exit(_exit_code(rows))


def _files(paths: list[Path] | None) -> list[PolicyFile]:
    try:
        return policy_files(paths or [Path()])
    except ValueError as error:
        terminal.stop(str(error), code=2)
    except OSError as error:
        terminal.stop(f"{error.filename} cannot be read: {error.strerror}.", code=1)


def _checked(client: Placet, file: PolicyFile, *, against: str | None = None) -> Row:
    """Return what Placet says of a file; a file that can't be sent has its one problem in the same form."""
    if file.unreadable:
        problem = {"path": "", "line": 1, "message": file.unreadable}
        said: Mapping[str, Any] = {"name": "", "digest": "", "problems": [problem]}
    else:
        said = client.check_policy(file.text, against=against)
    parts = {key: said.get(key) or [] for key in ("problems", "before_publication", "changes")}
    return {
        "file": str(file.path),
        "name": said.get("name") or "",
        "digest": said.get("digest") or "",
        "against": said.get("against"),
        "newest": said.get("newest"),
        **parts,
    }


def _origin(files: list[PolicyFile], commit: str | None, repository: str | None) -> Commit:
    """Return where the files are from, and say on standard error what git does not vouch for."""
    found = commit_of(files)
    if commit is not None:
        return Commit(commit, found.repository if repository is None else repository, frozenset())
    if not found.commit:
        terminal.complain("No git commit here: the policies are handed in without one (--commit names it).")
    for path in sorted(found.dirty):
        terminal.complain(f"{path} is not what commit {found.commit[:12]} holds: it is handed in without a commit.")
    return Commit(found.commit, found.repository if repository is None else repository, found.dirty)


def _push(client: Placet, file: PolicyFile, row: Row, origin: Commit) -> bool:
    """Hand one file in unless the newest version of its name says the same; return whether to go on with the next."""
    newest = row["newest"] or {}
    if newest.get("digest") == row["digest"]:
        row["state"] = "unchanged"
        return True
    commit = "" if file.path in origin.dirty else origin.commit
    try:
        row["version"] = client.draft_policy(file.text, commit=commit, repository=origin.repository if commit else "")
    except PlacetProblem as problem:
        if problem.status not in (403, 409, 422):
            raise
        row["state"], row["refusal"] = "refused", str(problem)
        return False
    row["state"] = "drafted"
    return True


def _exit_code(rows: list[Row]) -> int:
    if any(row["problems"] or row.get("state") == "refused" for row in rows):
        return _REFUSED
    return _HELD if any(row["before_publication"] for row in rows) else 0


def _loosening(row: Row) -> list[Row]:
    return [change for change in row["changes"] if change.get("weight") == "loosens"]


def _print_problems(row: Row) -> None:
    if row["problems"]:
        _print_lines(row["file"], "would be refused", row["problems"], style="bold red")
    elif row["before_publication"]:
        _print_lines(row["file"], "could not be published as things stand", row["before_publication"], style="yellow")
    else:
        terminal.say(f"{row['file']}: ok", style="green")


def _print_lines(file: str, what: str, problems: list[Row], *, style: str) -> None:
    terminal.say(f"{file}: {what}", style=style)
    table = terminal.table("line", "path", "what to mend")
    for problem in problems:
        cells = (problem.get("line"), problem.get("path"), problem.get("message"))
        table.add_row(*(Text(terminal.text(cell)) for cell in cells))
    terminal.out().print(table)


def _print_changes(row: Row) -> None:
    if row["problems"]:
        _print_problems(row)
        return
    against = row["against"]
    if not against:
        terminal.say(f"{row['file']}: no version of {row['name']} is in force; all of it is new", style="yellow")
        return
    older = f"{against.get('name')} v{against.get('number')}"
    if not row["changes"]:
        terminal.say(f"{row['file']}: says what {older} says")
        return
    loosening = len(_loosening(row))
    said = f"{row['file']} against {older}: {len(row['changes'])} changed, {loosening} loosen"
    terminal.say(said, style="bold red" if loosening else None)
    table = terminal.table("", "path", "before", "after", "because")
    for change in row["changes"]:
        weight = terminal.text(change.get("weight"))
        cells = (terminal.text(change.get("path")), _value(change.get("before")), _value(change.get("after")))
        because = terminal.text(change.get("because") or "")
        table.add_row(Text(weight, style=_WEIGHTS.get(weight, "")), *map(Text, cells), Text(because, style="dim"))
    terminal.out().print(table)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    said = terminal.text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return said if len(said) <= _SHOWN else f"{said[: _SHOWN - 1]}…"


def _print_pushed(row: Row) -> None:
    state = row.get("state")
    if state == "refused":
        terminal.say(f"{row['file']}: refused. {row['refusal']}", style="bold red")
    elif state == "unchanged":
        newest = row["newest"]
        terminal.say(f"{row['file']}: says what {row['name']} v{newest.get('number')} says; not handed in again")
    elif state == "drafted":
        version = row["version"]
        from_commit = f", from commit {str(version['commit'])[:12]}" if version.get("commit") else ""
        drafted = f"{row['file']}: {version.get('name')} v{version.get('number')} drafted{from_commit}"
        terminal.say(f"{drafted}. Another person publishes it.", style="green")
        if row["before_publication"]:
            _print_lines(
                row["file"], "could not be published as things stand", row["before_publication"], style="yellow"
            )
    elif row["problems"]:
        _print_problems(row)
    else:
        terminal.say(f"{row['file']}: not handed in, since another file would be refused", style="yellow")
