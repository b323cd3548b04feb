"""``placet verify-model`` and ``placet digest``: is it what a valid permit names, and what is its digest?"""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from placet import loader, terminal
from placet.connection import Connected, JsonFlag
from placet.digests import ArtifactManifest, UnusableArtifact, walk
from placet.streamed import Progress as Progressing
from placet.streamed import folder_manifest, store_manifest

_NEEDS_MLFLOW = 'Verifying a model behind an alias needs MLflow: pip install "placet[mlflow]"'


def register(app: typer.Typer) -> None:
    """Add the commands to the ``placet`` command line."""
    app.command("verify-model")(verify_model)
    app.command("digest")(digest)


def verify_model(
    model: Annotated[
        str, typer.Argument(metavar="URI|PATH", help="models:/<name>@<alias>, or with --permit a folder.")
    ],
    trust: Annotated[
        Path | None, typer.Option(help="Trust file with the permit key.", envvar="PLACET_TRUST_FILE")
    ] = None,
    permit: Annotated[Path | None, typer.Option(help="The permit of a folder that is here already.")] = None,
    revocation_list: Annotated[
        Path | None,
        typer.Option(help="With --permit: the list that says what was withdrawn; else Placet's, or a kept one."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Keeps permit and list for when Placet is down.", envvar="PLACET_CACHE")
    ] = None,
    signature_out: Annotated[
        Path | None, typer.Option(help="Where to write the model's signature for the stock `model_signing` tool.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check that a valid permit covers the bytes behind an alias or in a folder, without loading the model."""
    if permit is None and revocation_list is not None:
        terminal.stop("--revocation-list goes with --permit.", code=2)
    try:
        if permit is None:
            found = loader.verify_model(model, trust=trust, cache=cache)
        else:
            found = loader.verify_folder(Path(model), permit, trust=trust, revocation_list=revocation_list, cache=cache)
    except loader.Refused as refused:
        _refuse(model, refused.reason, as_json=as_json)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mlflow":
            raise
        terminal.stop(_NEEDS_MLFLOW, code=1)
    if signature_out is not None:
        _write_signature(found.permit_digest, signature_out)
    expires_at = found.permit.expires_at.isoformat()
    if as_json:
        about = {"model": found.model, "version": found.version, "alias": found.alias, "status": found.status}
        about |= {"artifact_digest": found.artifact_digest, "expires_at": expires_at}
        terminal.print_json({"uri": model, "allowed": True, "offline": found.offline, **about})
        return
    terminal.say(f"{model} is version {found.version}; its bytes are the ones that were approved.")
    names = {"digest": found.artifact_digest, "approval": found.status, "permit until": expires_at}
    terminal.print_pairs(names | ({"decided": "offline, by the kept list"} if found.offline else {}))


def _write_signature(permit: str, out: Path) -> None:
    try:
        with Connected() as client:
            out.write_bytes(client.model_signature(permit))
    except OSError as error:
        terminal.stop(f"{out} cannot be written: {error.strerror}.", code=1)


def _refuse(model: str, reason: str, *, as_json: bool) -> NoReturn:
    if as_json:
        terminal.print_json({"uri": model, "allowed": False, "reason": reason})
    else:
        terminal.complain(reason)
    raise typer.Exit(3)


def digest(
    location: Annotated[
        str,
        typer.Argument(metavar="URI|PATH", help="A folder, or where MLflow keeps files: models:/…, runs:/…, s3://…"),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Print the digest of record of an artifact and of each of its files, without copying it as a whole."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal) as shown:
        task = shown.add_task("digesting", total=_size(location))

        def advance(path: str, size: int) -> None:
            shown.update(task, advance=size, description=terminal.text(path)[-40:])

        manifest = _manifest(location, advance)
    if as_json:
        files = [{"path": file.path, "size": file.size, "digest": file.digest} for file in manifest.files]
        said = {"artifact_digest": manifest.root_digest, "manifest_digest": manifest.digest, "files": files}
        terminal.print_json({"location": location, **said})
        return
    for file in manifest.files:
        terminal.say(f"{file.digest}  {file.size:>14,}  {file.path}")
    terminal.print_pairs({"digest": manifest.root_digest, "manifest": manifest.digest})


def _manifest(location: str, progress: Progressing) -> ArtifactManifest:
    try:
        if Path(location).exists():
            return folder_manifest(Path(location), progress=progress)
        return store_manifest(location, progress=progress)
    except (UnusableArtifact, OSError) as error:
        terminal.stop(f"{location} can't be digested: {error}", code=1)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mlflow":
            raise
        terminal.stop(f'{location} is no folder here; a store of MLflow needs pip install "placet[mlflow]"', code=1)
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"mlflow", "botocore", "requests"}:
            raise
        terminal.stop(f"{location} can't be read: {(str(error).splitlines() or [''])[0]}", code=1)


def _size(location: str) -> int | None:
    """Return how many bytes are to be digested, None where only the store knows."""
    try:
        return sum(file.stat().st_size for file in walk(Path(location)))
    except (OSError, UnusableArtifact):
        return None
